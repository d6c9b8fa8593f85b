#!/bin/sh
# Runs a command whose standard output is JSON lines and appends each of them to a results file, with the
# commit, the machine, the date and the command line that made it.
#
#   Benchmarks/record.sh RESULTS.jsonl NAME COMMAND [ARGUMENT...]
set -eu
results=$1
name=$2
shift 2
commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- Sources Device Edge Protocol Models || echo "+changes")
machine="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(uname -m)"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
"$@" >"$output" || status=$?
python3 - "$results" "$name" "$commit" "$machine" "$status" "$output" "$@" <<'E2'
import json, sys, datetime
results, name, commit, machine, status, output, *command = sys.argv[1:]
head = {"measurement": name, "commit": commit, "machine": machine, "status": int(status),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "command": " ".join(command)}
with open(output) as lines, open(results, "a") as out:
    for line in lines:
        if line.startswith("{"):
            out.write(json.dumps(head | {"result": json.loads(line)}, sort_keys=False) + "\n")
E2
exit "$status"
