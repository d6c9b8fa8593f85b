# What the prove-*.sh scripts share; read with `.`, after `set -eu`, from the repository's root.
# Gives: $folder (thrown away at the end; TANDEM_PROOF_FOLDER keeps it), $programs, and the functions.
name=$(basename "$0")
programs=${TANDEM_PROGRAMS:-.build/release}
folder=${TANDEM_PROOF_FOLDER:-$(mktemp -d)}
mkdir -p "$folder"
edge=
finish() {
  status=$?
  [ -z "$edge" ] || { kill "$edge" && wait "$edge"; } 2>/dev/null || true
  if [ "$status" != 0 ] && [ "$status" != 77 ] && [ -s "$folder/edge.log" ]; then
    echo "$name: failed; the edge's log ends with" >&2
    tail -n 10 "$folder/edge.log" >&2
  fi
  [ -n "${TANDEM_PROOF_FOLDER:-}" ] || rm -rf "$folder"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# fail STATUS MESSAGE
fail() {
  echo "$name: $2" >&2
  exit "$1"
}

for program in tandem-device tandem-edge; do
  [ -x "$programs/$program" ] || fail 69 "$programs/$program is missing; run make build, or set TANDEM_PROGRAMS"
done

check_model() {
  [ -f "$1/model.json" ] || fail 66 "$1/model.json is missing; name a model's folder as argument"
}

# certificates FOLDER: an authority, a server's certificate (edge) and a device's (kitchen).
certificates() {
  "$programs/tandem-edge" certificates init --folder "$1" >/dev/null
  "$programs/tandem-edge" certificates issue --folder "$1" --use server --name edge \
    --dns localhost --address 127.0.0.1 >/dev/null
  "$programs/tandem-edge" certificates issue --folder "$1" --use device --name kitchen >/dev/null
}

# start_edge MODEL [FLAGS]: on any free port; sets $edge (its process) and $port. Logs to edge.log.
start_edge() {
  model_of_edge=$1
  shift
  rm -f "$folder/port"
  "$programs/tandem-edge" serve --model "$model_of_edge" --host 127.0.0.1 --port 0 \
    --port-file "$folder/port" \
    --certificates-certificate "$folder/certificates/edge.pem" \
    --certificates-private-key "$folder/certificates/edge.key" \
    --certificates-authority "$folder/certificates/ca.pem" "$@" \
    >>"$folder/edge.out" 2>>"$folder/edge.log" &
  edge=$!
  for _ in $(seq 300); do
    [ -s "$folder/port" ] && break
    kill -0 "$edge" 2>/dev/null || fail 69 "the edge did not start"
    sleep 0.1
  done
  [ -s "$folder/port" ] || fail 69 "the edge was not ready after 30 s"
  port=$(cat "$folder/port")
}

stop_edge() {
  kill "$edge" 2>/dev/null || true
  wait "$edge" 2>/dev/null || true
  edge=
}

# device ARGUMENTS: transcribe, with the device's certificate and the edge of start_edge.
device() {
  "$programs/tandem-device" transcribe --edge-host 127.0.0.1 --edge-port "$port" \
    --certificates-certificate "$folder/certificates/kitchen.pem" \
    --certificates-private-key "$folder/certificates/kitchen.key" \
    --certificates-authority "$folder/certificates/ca.pem" "$@"
}
