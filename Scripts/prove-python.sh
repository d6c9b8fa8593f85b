#!/bin/sh
# A stock Python gRPC client replays a recorded utterance: with a certificate of our authority it gets the
# recorded transcript; without one, and with one of another authority, it is refused.
#
#   Scripts/prove-python.sh [MODEL=Models/english] [RECORDING]
#
# RECORDING (NAME.packets with NAME.json beside it) defaults to the committed one whose fingerprint is the
# model's, under Protocol/Vectors; where there is none, one is recorded now.
# Set TANDEM_PYTHON to a Python with grpcio and grpcio-tools; otherwise a virtual environment is made.
set -eu
cd "$(dirname "$0")/.."
. Scripts/prove-common.sh
model=${1:-Models/english}
check_model "$model"
client=Scripts/python-client/recognize.py
[ -f "$client" ] || fail 69 "$client is missing"

if [ -z "${TANDEM_PYTHON:-}" ]; then
  TANDEM_PYTHON=$folder/venv/bin/python
  [ -x "$TANDEM_PYTHON" ] || {
    echo "making a virtual environment with grpcio; set TANDEM_PYTHON to save the time" >&2
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio grpcio-tools
  }
fi
"$TANDEM_PYTHON" -c 'import grpc, grpc_tools' || fail 69 "$TANDEM_PYTHON lacks grpcio or grpcio-tools"

recording=${2:-}
fingerprint=$(sha256sum "$model/model.json" | cut -d ' ' -f 1)
if [ -z "$recording" ]; then
  for known in Protocol/Vectors/*.packets; do
    if [ -f "$known" ] && grep -q "$fingerprint" "${known%.packets}.json"; then recording=$known; fi
  done
fi
if [ -z "$recording" ]; then
  recording=$folder/utterance.packets
  Scripts/python-client/record-vector.sh "$recording" "$model"
fi
grep -q "$fingerprint" "${recording%.packets}.json" || {
  fail 65 "$recording was recorded with another model than $model; record it again with Scripts/python-client/record-vector.sh"
}

certificates "$folder/certificates"
"$programs/tandem-edge" certificates init --folder "$folder/strange" >/dev/null
"$programs/tandem-edge" certificates issue --folder "$folder/strange" --use device --name stranger >/dev/null
start_edge "$model"

# attempt NAME FLAGS: sets $status; what the client said is in NAME.out and NAME.err.
attempt() {
  attempt_name=$1
  shift
  status=0
  "$TANDEM_PYTHON" "$client" --port "$port" --ca "$folder/certificates/ca.pem" "$@" "$recording" \
    >"$folder/$attempt_name.out" 2>"$folder/$attempt_name.err" || status=$?
}
attempt with --certificate "$folder/certificates/kitchen.pem" --key "$folder/certificates/kitchen.key"
[ "$status" = 0 ] || { cat "$folder/with.err" >&2; fail 1 "the client with a certificate failed with $status"; }
echo "with a certificate: \"$(cat "$folder/with.out")\", as recorded in $recording"
attempt without
[ "$status" = 69 ] || { cat "$folder/without.err" >&2; fail 1 "the client without a certificate ended with $status, not 69"; }
[ ! -s "$folder/without.out" ] || fail 1 "the client without a certificate got an answer"
echo "without a certificate: refused ($(tail -n 1 "$folder/without.err" | cut -c 1-150))"
attempt strange --certificate "$folder/strange/stranger.pem" --key "$folder/strange/stranger.key"
[ "$status" = 69 ] || { cat "$folder/strange.err" >&2; fail 1 "the client of another authority ended with $status, not 69"; }
echo "with another authority's certificate: refused ($(tail -n 1 "$folder/strange.err" | cut -c 1-150))"
grep -i 'certificate' "$folder/edge.log" | sed 's/^/the edge said: /' | head -n 4
stop_edge
