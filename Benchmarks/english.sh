#!/bin/sh
# Measures the shipped model: word errors of every exit and of the edge path on a split, greedy on both sides, with language
# models and a lexicon, in noise, where utterances stop, and false accepts of the wake phrases. Replaces the split's lines in
# Benchmarks/results/english.jsonl; `python -m tandem_training tables` makes tables and plots of them.
#
#   Benchmarks/english.sh dev|test [SHARED=../shared] [PYTHON [PEER_TRANSCRIPTS]]
#
# With PYTHON, one that has Training's `synthesis` extra, Whisper tiny.en stands beside ours; PEER_TRANSCRIPTS keeps what it said.
#
# The test split is run once for each version that ships: every run of it is a line in Benchmarks/results/test-runs.jsonl.
set -eu
cd "$(dirname "$0")/.."
split=$1
shared=${2:-../shared}
python=${3:-}
kept=${4:-}
case $split in dev | test) ;; *) echo "english.sh: the split is dev or test, not $split" >&2; exit 64 ;; esac
results=Benchmarks/results/english.jsonl
evaluate() {
  name=$1
  shift
  Benchmarks/record.sh "$results" "$name-$split" .build/release/tandem-evaluate wer --manifest "$shared/speech/manifest.tsv" \
    --split "$split" --format json --pool sentences=speechocean762,ljspeech,vctk,librispeech,librispeech-other,common-voice "$@"
}
if [ "$split" = test ]; then
  fingerprint=$(sha256sum Models/english/model.json | cut -d' ' -f1)
  if grep -qs "$fingerprint\", \"measurement\": \"wer\"" Benchmarks/results/test-runs.jsonl; then
    echo "english.sh: the test split was run for this model already (Benchmarks/results/test-runs.jsonl); look there" >&2
    exit 1
  fi
  printf '{"fingerprint": "%s", "measurement": "wer", "commit": "%s", "date": "%s"}\n' "$fingerprint" "$(git rev-parse --short HEAD)" \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >>Benchmarks/results/test-runs.jsonl
fi
if [ -f "$results" ]; then
  grep -v "^{\"measurement\": \"[^\"]*-$split\"," "$results" >"$results.partial" || true
  mv "$results.partial" "$results"
fi
# What ships: greedy on the device, beam and language model at the edge.
evaluate shipped --criterion probability --phrase ALEXA --phrase COMPUTER --phrase JARVIS --phrase "SMART MIRROR" --phrase SNOWBOY --phrase "VIEW GLASS"
# Greedy on both, beside Whisper's greedy search where it can be asked.
if [ -n "$python" ]; then
  evaluate greedy --beam 1 --language-model none --peer whisper-tiny --peer-python "$python" \
    ${kept:+--peer-transcripts "$kept"}
else
  evaluate greedy --beam 1 --language-model none
fi
if [ "$split" = dev ]; then
  evaluate without-language-model --language-model none
  evaluate device-language-model --exit-language-model device --language-model device
  # Which confidence tells best where to stop (experiment 2), and how well the probabilities are calibrated.
  Benchmarks/record.sh "$results" exit-selection-dev .build/release/tandem-evaluate fit-confidence \
    --manifest "$shared/speech/manifest.tsv" --split dev --format json --svg Benchmarks/results/exit-confidence.svg
  words=$(mktemp)
  trap 'rm -f "$words"' EXIT
  gzip -dc "$shared/text/cmudict.dict.gz" | cut -d ' ' -f 1 | grep "^[a-z'][a-z']*$" >"$words"
  evaluate lexicon --lexicon "$words"
  for snr in 20 15 10 5 0; do
    evaluate "noise-$snr" --criterion probability --noise "$shared/noise/running_tap.opus" --snr "$snr"
  done
fi
