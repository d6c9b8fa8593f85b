#!/bin/sh
# Everything that an exported model still needs before it ships: language models, the search's weights, exit probabilities,
# thresholds, and the frozen packets of Protocol/Vectors. All of it from the dev split; the test split is not touched.
#
#   Scripts/finish-model.sh [MODEL=Models/english] [SHARED=../shared] [PYTHON=.venv/bin/python]
set -eu
cd "$(dirname "$0")/.."
model=${1:-Models/english}
shared=${2:-../shared}
python=${3:-.venv/bin/python}
bin=.build/release
manifest=$shared/speech/manifest.tsv
name="shared/speech dev"
PYTHONPATH=Training "$python" -m tandem_training language-model --manifest "$manifest" --model "$model" \
  --text "$shared"/text/books_gitenberg.txt.gz "$shared"/text/books_nltk.txt.gz "$shared"/text/books_wss22.txt.gz \
  --text "$shared"/text/us_presidents.txt.gz --report Benchmarks/results/language-model.jsonl
"$bin/tandem-evaluate" tune-language-model --manifest "$manifest" --split dev --model "$model" --name "$name" --write
"$bin/tandem-evaluate" fit-confidence --manifest "$manifest" --split dev --model "$model" --name "$name" --write \
  --svg Benchmarks/results/exit-confidence.svg
"$bin/tandem-evaluate" fit-thresholds --manifest "$manifest" --split dev --model "$model" --name "$name" --write
echo "finish-model.sh: $model is whole; Scripts/python-client/record-vector.sh records its packets, Benchmarks/english.sh measures it"
