#!/bin/sh
# Measures what the controller is to reach (deterministic for a seed), then what a decision and a simulation cost on
# this machine, into results/controller.jsonl; writes REPORT/targets.html. Without PROFILE's file the profile is made
# first, from the dev split of ../shared/speech with Models/english.
#
#   Benchmarks/controller.sh PROFILE REPORT [SEED]
set -eu
cd "$(dirname "$0")/.."
profile=$1
report=$2
seed=${3:-7}
bin=${BIN:-.build/release}
shared=${TANDEM_SHARED:-../shared}
if [ ! -f "$profile" ]; then
  OPENBLAS_NUM_THREADS=1 "$bin/tandem-evaluate" profile --manifest "$shared/speech/manifest.tsv" \
    --split dev --name "dev of shared/speech" --model Models/english --output "$profile"
fi
results=Benchmarks/results/controller.jsonl
rm -f "$results"
Benchmarks/record.sh "$results" controller-targets "$bin/tandem-simulate" targets \
  --profile "$profile" --shared "$shared" --seed "$seed" --report "$report"
Benchmarks/record.sh "$results" controller-speed "$bin/tandem-simulate" speed \
  --profile "$profile" --shared "$shared" --seed "$seed"
