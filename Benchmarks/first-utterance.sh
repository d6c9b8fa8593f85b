#!/bin/sh
# The figures of the first model: error rates on dev for every exit and the edge, equality of split and unsplit,
# equality of whole and cut audio. Dev only: the test split is looked at once per shipped version.
#
#   Benchmarks/first-utterance.sh MANIFEST [RESULTS.jsonl]
set -eu
cd "$(dirname "$0")/.."
manifest=$1
results=${2:-Benchmarks/results/first-utterance.jsonl}
evaluate=.build/release/tandem-evaluate
rm -f "$results"
Benchmarks/record.sh "$results" word-error-rate "$evaluate" wer --manifest "$manifest" --split dev --format json
Benchmarks/record.sh "$results" cut-equality "$evaluate" wer --manifest "$manifest" --split dev \
  --chunk 10,37,160,1000 --format json
Benchmarks/record.sh "$results" split-equality "$evaluate" split --manifest "$manifest" --split dev \
  --codec lossless --format json
