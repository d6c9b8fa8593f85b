#!/bin/sh
# The demo: a private authority, an edge on loopback, a device that decides for every recording by itself.
#
#   Scripts/demo.sh [FOLDER WITH THE PROGRAMS]
#
# The model is Models/sentences, whose public part is fetched once into a cache (Scripts/fetch-models.sh); without a network or
# pip it is Models/english. TANDEM_DEMO_MODEL names another folder.
# Everything else that it writes lies in a throw-away folder; set TANDEM_DEMO_FOLDER to keep it.
set -eu
cd "$(dirname "$0")/.."
programs=${1:-.build/release}
model=${TANDEM_DEMO_MODEL:-}
folder=${TANDEM_DEMO_FOLDER:-$(mktemp -d)}
mkdir -p "$folder"
edge=
finish() {
  status=$?
  if [ -n "$edge" ]; then
    kill "$edge" 2>/dev/null || true
    wait "$edge" 2>/dev/null || true
  fi
  if [ "$status" != 0 ] && [ -s "$folder/edge.log" ]; then
    echo "demo.sh: failed; the edge's log ends with" >&2
    tail -n 20 "$folder/edge.log" >&2
  fi
  [ -n "${TANDEM_DEMO_FOLDER:-}" ] || rm -rf "$folder"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

if [ -z "$model" ]; then
  echo "== the model for sentences: public weights, and what was trained on them"
  model=$(TANDEM_PROGRAMS="$programs" Scripts/fetch-models.sh Models/sentences) || {
    echo "The demo goes on with Models/english, which is small and knows commands better than sentences."
    model=Models/english
  }
fi
certificates=$folder/certificates
echo "== a private authority, and a certificate for each end"
"$programs/tandem-edge" certificates init --folder "$certificates"
"$programs/tandem-edge" certificates issue --folder "$certificates" --use server --name edge \
  --dns localhost --address 127.0.0.1
"$programs/tandem-edge" certificates issue --folder "$certificates" --use device --name demo-device

echo "== the edge, on loopback"
"$programs/tandem-edge" serve --model "$model" --host 127.0.0.1 --port 0 --port-file "$folder/port" \
  --certificates-certificate "$certificates/edge.pem" \
  --certificates-private-key "$certificates/edge.key" \
  --certificates-authority "$certificates/ca.pem" >"$folder/edge.out" 2>"$folder/edge.log" &
edge=$!
for _ in $(seq 100); do
  [ -s "$folder/port" ] && break
  kill -0 "$edge" 2>/dev/null || { echo "demo.sh: the edge did not start" >&2; exit 69; }
  sleep 0.1
done
cat "$folder/edge.out"

echo "== real recordings, each decided by the device with the thresholds that ship in the model"
Scripts/demo-recordings.sh >"$folder/recordings.tsv"
set -- --model "$model" --edge-host 127.0.0.1 --edge-port "$(cat "$folder/port")" \
  --certificates-certificate "$certificates/demo-device.pem" \
  --certificates-private-key "$certificates/demo-device.key" \
  --certificates-authority "$certificates/ca.pem" \
  --decision-log-path "$folder/decisions.sqlite"
"$programs/tandem-device" transcribe --manifest "$folder/recordings.tsv" "$@"

echo "== what the decision log says"
"$programs/tandem-device" decisions summary --decision-log-path "$folder/decisions.sqlite" |
  tee "$folder/summary.txt"
# Both origins must have occurred, by the policy's own choice.
grep -q 'answered by .*edge' "$folder/summary.txt" && grep -q 'answered by .*exit' "$folder/summary.txt" || {
  echo "demo.sh: the policy did not use both the device and the edge" >&2
  exit 70
}
