#!/bin/sh
# Records the utterance that other clients replay (Protocol/SPEC.md, "Recorded utterances"): one read
# sentence from LibriVox (public domain), as the packets that a device would send, and beside it the
# transcript that an edge with the same model must answer.
#
#   Scripts/python-client/record-vector.sh OUTPUT.packets [MODEL=Models/english] [SPLIT LAYER=2]
set -eu
cd "$(dirname "$0")/../.."
output=${1:?record-vector.sh: name the file to write, such as Protocol/Vectors/english.packets}
sentence=$(Scripts/demo-recordings.sh | awk -F '\t' '$2 == "sphinx-librivox" {print $1}' | sed -n 2p)
"${TANDEM_PROGRAMS:-.build/release}/tandem-device" record-packets "$sentence" \
  --model "${2:-Models/english}" --split-layer "${3:-2}" --codec int8 --output "$output"
