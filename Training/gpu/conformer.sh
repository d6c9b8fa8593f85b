#!/bin/sh
# Trains Models/english further by the clock on one GPU. From the repository's root, with CACHE (as `prepare` wrote it: train, dev, noise) and OUT set:
#   CACHE=/tmp/cache OUT=/tmp/out MINUTES=8 Training/gpu/conformer.sh
# RECIPE: english-timed (default), english-timed-wider, or english-timed-scratch with START= (empty).
# $OUT/$RECIPE gets device.safetensors, edge.safetensors and run.tar.gz, every two minutes and at the end.
set -eu
: "${CACHE:?the folder of the decoded caches}" "${OUT:?the folder for the results}"
recipe=${RECIPE:-english-timed}
start=${START-$PWD/Models/english}
export PYTHONPATH="$PWD/Training${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=4
export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
exec python3 -m tandem_training train-timed --recipe "Training/recipes/$recipe.yaml" --cache "$CACHE" --run "$(mktemp -d)" --out "$OUT/$recipe" \
  --minutes "${MINUTES:-8}" ${RESERVE:+--reserve "$RESERVE"} ${start:+--start "$start"}
