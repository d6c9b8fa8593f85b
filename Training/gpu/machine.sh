#!/usr/bin/env bash
# What runs on a machine with a GPU and without a network, one call after another (README.md, "A quarter of an hour of a GPU").
#
#   machine.sh part            keeps the part that was carried along in .carry
#   machine.sh prepare         unpacks all parts and decodes the recordings into a cache
#   machine.sh smoke           trains everything for seconds on a toy, to see that it runs there
#   machine.sh train SECONDS   trains for as long, Whisper and Conformer side by side, and leaves what comes back in $OUT
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=/tmp/tandem
export PYTHONPATH=/tmp/site:$PWD PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
wheels() {
  [ -d /tmp/site/soundfile-done ] || python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target /tmp/site ../.carry/whl/*.whl
  mkdir -p /tmp/site/soundfile-done
}
whisper() {  # CACHE OUT and options
  local cache=$1 out=$2
  shift 2
  python3 -m tandem_training.pretrained.session --cache "$cache" --vocabulary ../Models/english/vocabulary.json --out "$out" "$@"
}
case $1 in
part)
  mkdir -p $DATA/parts && mv ../.carry/part.* $DATA/parts/ && ls $DATA/parts | tail -1 && date +%T ;;
prepare)
  wheels
  nvidia-smi --query-gpu=name,memory.total --format=csv,noheader; nproc; date +%T
  python3 -m tandem_training.pretrained.pack --unpack $DATA/parts --out $DATA/data
  date +%T
  python3 -m tandem_training prepare --manifest $DATA/data/speech/manifest.tsv --noise $DATA/data/noise/manifest.tsv \
    --without-noise running_tap --without-noise picovoice_kitchen --processes 16 --cache $DATA/cache 2>&1 | tail -4
  cp $DATA/data/rooms.npy $DATA/cache/
  ls -la $DATA/cache; date +%T ;;
smoke)
  wheels
  mkdir -p $DATA/smoke $OUT/whisper $OUT/conformer && python3 -m tandem_training.pretrained.pack --unpack ../.carry/smoke --out $DATA/smoke
  (cd .. && CACHE=$DATA/smoke/cache OUT=$OUT/conformer MINUTES=0.5 timeout 95 sh Training/gpu/conformer.sh > $OUT/conformer.log 2>&1; echo "conformer: $?") &
  timeout 90 bash -c "$(declare -f whisper); whisper $DATA/smoke/cache $OUT/whisper --weights $DATA/smoke/toy.pt --tokenizer $DATA/smoke/tokenizer.json \
    --exits 1 2 4 --splits 1 2 --stages 4 --ladder 1 4 --seconds 6 --codec-seconds 6 --compare-seconds 2 --codec-most 12 --judge-most 12 \
    --batch-seconds 60 --say 2 --loaders 4" > $OUT/whisper.log 2>&1 || echo "whisper: failed"
  tail -25 $OUT/whisper.log
  wait
  tail -25 $OUT/conformer.log
  rm -f $OUT/*/*.safetensors ;;
train)
  seconds=$2
  mkdir -p $DATA/out/whisper $DATA/out/conformer
  (cd .. && CACHE=$DATA/cache OUT=$DATA/out/conformer MINUTES="${CONFORMER_MINUTES:-6}" timeout $((seconds - 10)) sh Training/gpu/conformer.sh > $DATA/out/conformer.log 2>&1; echo "conformer: $?" >> $DATA/out/conformer.log) &
  timeout $((seconds - 10)) bash -c "$(declare -f whisper); whisper $DATA/cache $DATA/out/whisper --weights $DATA/data/base/model.bin \
    --tokenizer $DATA/data/base/tokenizer.json --until $((seconds - 20)) --other-weights $DATA/data/tiny.en/model.bin \
    --other-tokenizer $DATA/data/tiny.en/tokenizer.json ${WHISPER_OPTIONS:-}" 2>&1 | tee $DATA/out/whisper.log | grep -v '^[a-z].*: .*bad 0$' || true
  wait
  tail -12 $DATA/out/conformer.log
  cp $DATA/out/whisper/* $DATA/out/*.log $OUT/ ;;
fetch)  # the Conformer's results, in a call of their own: what comes back at once is bounded
  cp -r $DATA/out/conformer/* $OUT/ ;;
esac
