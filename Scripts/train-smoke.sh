#!/bin/sh
# From a manifest to a transcript by the engine, in minutes: espeak-ng says six words in many voices, a tiny recipe is
# trained on them, exported, and tandem-device transcribes voices that training never heard.
#
#   Scripts/train-smoke.sh BIN [PYTHON=.venv/bin/python]
#
# Needs espeak-ng and a Python with the training package; exits with 77 without them, with 1 when the engine does not
# understand at least 20 of the 24 words.
set -eu
cd "$(dirname "$0")/.."
bin=$1
python=${2:-.venv/bin/python}
if ! command -v espeak-ng >/dev/null; then
  echo "train-smoke.sh: espeak-ng is missing; apt-get install espeak-ng" >&2
  exit 77
fi
if ! "$python" -c 'import torch, soundfile' 2>/dev/null; then
  echo "train-smoke.sh: $python cannot import torch and soundfile; run 'make test-training' once, which makes .venv" >&2
  exit 77
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/tandem-smoke.XXXXXX")
trap 'rm -rf "$folder"' EXIT INT TERM

printf 'path\tset\tsplit\tspeaker\ttext\n' >"$folder/manifest.tsv"
# say SPLIT VARIANTS PITCHES: every word by every voice.
say() {
  for word in yes no stop seven left happy; do
    for variant in $2; do
      for dialect in en-us en-gb; do
        for pitch in $3; do
          name=$1-$word-$dialect-$variant-$pitch.wav
          espeak-ng -v "$dialect+$variant" -p "$pitch" -s $((120 + pitch)) -w "$folder/$name" "$word"
          text=$(printf %s "$word" | tr '[:lower:]' '[:upper:]')
          printf '%s\twords\t%s\t%s\t%s\n' "$name" "$1" "$variant" "$text" >>"$folder/manifest.tsv"
        done
      done
    done
  done
}
say train "m1 m2 m3 m4 f1 f2 f3" "30 45 60 75"
say dev "m7 f4" "52"

PYTHONPATH=$PWD/Training
export PYTHONPATH
"$python" -m tandem_training prepare --manifest "$folder/manifest.tsv" --cache "$folder/cache"
"$python" -m tandem_training train --recipe Training/recipes/smoke.yaml --cache "$folder/cache" --run "$folder/run"
"$python" -m tandem_training export --recipe Training/recipes/smoke.yaml --run "$folder/run" --out "$folder/model"

"$bin/tandem-device" transcribe --model "$folder/model" --policy always-local \
  --decision-log-path "$folder/decisions.sqlite" "$folder"/dev-*.wav >"$folder/transcripts"
right=0
all=0
while read -r file _ _ _ _ _ text; do
  case $file in dev-*.wav) ;; *) continue ;; esac
  all=$((all + 1))
  wanted=$(printf %s "$file" | cut -d- -f2 | tr '[:lower:]' '[:upper:]')
  case $text in
    "$wanted "*) right=$((right + 1)) ;;
    *) echo "$file: $text" >&2 ;;
  esac
done <"$folder/transcripts"
echo "train-smoke: the engine understood $right of $all words by voices that training never heard"
[ "$right" -ge 20 ]
