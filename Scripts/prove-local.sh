#!/bin/sh
# Captures packets while a device runs always-local with an edge configured: there must be none. The
# same capture during an always-edge run must see some, or it proves nothing.
#
#   Scripts/prove-local.sh [MODEL=Models/english]
#
# Edge and device run in a network namespace of their own, whose only interface is its loopback. So the
# capture needs no filter: it sees every packet on every port that either of them sends. The device's
# system calls are watched too where strace is there: it must not even make a socket.
#
# Needs root (for the namespace and the capture) and tcpdump; exits with 77 without them.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "prove-local.sh: needs root, for a network namespace and a packet capture" >&2
  exit 77
fi
for tool in tcpdump unshare ip; do
  command -v "$tool" >/dev/null || {
    echo "prove-local.sh: $tool is missing; apt-get install tcpdump util-linux iproute2" >&2
    exit 77
  }
done
if [ -z "${TANDEM_PROOF_NAMESPACE:-}" ]; then
  TANDEM_PROOF_NAMESPACE=1 exec unshare --net "$0" "$@"
fi
. Scripts/prove-common.sh
model=${1:-Models/english}
check_model "$model"
ip link set lo up
Scripts/demo-recordings.sh >"$folder/recordings.tsv"
certificates "$folder/certificates"
start_edge "$model"

# capture NAME POLICY: runs the device under a capture; sets $packets, $packets_at_edge, $utterances.
capture() {
  tcpdump -i any -n -U -w "$folder/$1.pcap" 2>"$folder/$1.tcpdump" &
  dump=$!
  for _ in $(seq 100); do
    grep -q '^tcpdump: listening\|^listening' "$folder/$1.tcpdump" 2>/dev/null && break
    kill -0 "$dump" 2>/dev/null || { cat "$folder/$1.tcpdump" >&2; fail 77 "tcpdump cannot capture here"; }
    sleep 0.1
  done
  watch=
  if command -v strace >/dev/null && [ "$1" = local ]; then
    watch="strace -f -qq -e trace=socket,connect -o $folder/$1.calls"
  fi
  $watch "$programs/tandem-device" transcribe --policy "$2" --model "$model" \
    --edge-host 127.0.0.1 --edge-port "$port" \
    --certificates-certificate "$folder/certificates/kitchen.pem" \
    --certificates-private-key "$folder/certificates/kitchen.key" \
    --certificates-authority "$folder/certificates/ca.pem" \
    --decision-log-path "$folder/$1.sqlite" --format json \
    --manifest "$folder/recordings.tsv" >"$folder/$1.jsonl"
  # What is on its way may still be written down.
  sleep 1
  kill -INT "$dump"
  wait "$dump" 2>/dev/null || true
  packets=$(tcpdump -n -r "$folder/$1.pcap" 2>/dev/null | wc -l)
  packets_at_edge=$(tcpdump -n -r "$folder/$1.pcap" "port $port" 2>/dev/null | wc -l)
  utterances=$(wc -l <"$folder/$1.jsonl")
}

capture local always-local
local_packets=$packets
local_at_edge=$packets_at_edge
local_utterances=$utterances
sockets="not watched (no strace)"
if [ -f "$folder/local.calls" ]; then
  # Local sockets (of the C library's name service) do not leave the machine.
  sockets=$(grep -c 'AF_INET' "$folder/local.calls" || true)
fi
capture edge always-edge
[ "$local_utterances" -gt 0 ] || fail 70 "the always-local run answered nothing"
echo "always-local: $local_utterances utterances, $local_packets packets on any port, $local_at_edge at the edge's port, internet sockets made by the device: $sockets"
echo "always-edge (control): $utterances utterances, $packets packets, $packets_at_edge at the edge's port"
[ "$packets_at_edge" -gt 0 ] || fail 1 "the control saw no packet, so the capture proves nothing"
[ "$local_packets" = 0 ] || fail 1 "packets were sent during the always-local run"
case $sockets in
0 | not*) ;;
*) fail 1 "the device made $sockets internet sockets during the always-local run" ;;
esac
