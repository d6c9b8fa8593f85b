#!/usr/bin/env bash
# What runs on a machine with a GPU and without a network, one call after another (README.md, "A quarter of an hour of a GPU").
#
#   machine.sh part            keeps the part that was carried along in .carry
#   machine.sh prepare         unpacks all parts and decodes the recordings into a cache
#   machine.sh smoke           trains everything for seconds on a toy, to see that it runs there
#   machine.sh conformer MINUTES           starts the Conformer's training, which goes on beside later calls
#   machine.sh whisper SECONDS [OPTION]... pretrained/session.py for at most so long; what comes back lies in $OUT
#   machine.sh fetch                       what did not come back yet
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
  mkdir -p $DATA/parts && mv ../.carry/p*/part.* $DATA/parts/ && ls $DATA/parts | tail -1 && date +%T ;;
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
  rm -rf $OUT/whisper $OUT/conformer ;;
conformer)  # goes on by itself beside the calls that follow
  mkdir -p $DATA/out/conformer
  (cd .. && CACHE=$DATA/cache OUT=$DATA/out/conformer MINUTES=$2 setsid nohup sh Training/gpu/conformer.sh > $DATA/out/conformer.log 2>&1 < /dev/null &)
  sleep 1; echo "the Conformer trains for $2 minutes" ;;
whisper)
  seconds=$2
  shift 2
  mkdir -p $DATA/out/whisper
  timeout "$seconds" bash -c "$(declare -f whisper); whisper $DATA/cache $DATA/out/whisper --weights $DATA/data/base/model.bin \
    --tokenizer $DATA/data/base/tokenizer.json --until $((seconds - 10)) --other-weights $DATA/data/tiny.en/model.bin \
    --other-tokenizer $DATA/data/tiny.en/tokenizer.json $*" 2>&1 | tee -a $DATA/out/whisper.log || true
  tail -4 $DATA/out/conformer.log || true
  tar czf $OUT/logs.tgz -C $DATA/out whisper.log conformer.log whisper/figures.jsonl || true
  cp $DATA/out/whisper/device-* $DATA/out/whisper/edge-* $DATA/out/whisper/coded-decoder-* $OUT/ || true ;;
fetch)  # the rest, in a call of its own: what comes back at once is bounded
  cp $DATA/out/whisper/decoder-* $OUT/
  cp -r $DATA/out/conformer/. $OUT/ ;;
esac
