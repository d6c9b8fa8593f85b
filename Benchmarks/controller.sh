#!/bin/sh
# Measures what the controller is to reach (deterministic for a seed), then what a decision and a simulation cost on
# this machine, into results/controller.jsonl; writes REPORT/{dev,test}/targets.html. Profiles of Models/english that
# are not in the folder PROFILES yet are made first, from the dev and test splits of ../shared/speech.
#
# On dev, policies know what is fitted on every other utterance, and the others are played. On test they know what the
# model ships (calibration.json, fitted on dev). Profiling the test split is a look at it: a line in test-runs.jsonl.
#
#   Benchmarks/controller.sh PROFILES REPORT [SEED]
set -eu
cd "$(dirname "$0")/.."
profiles=$1
report=$2
seed=${3:-7}
bin=${BIN:-.build/release}
shared=${TANDEM_SHARED:-../shared}
fingerprint=$(sha256sum Models/english/model.json | cut -d' ' -f1)
mkdir -p "$profiles"
profile() {
  printf '%s/%s-%.8s.profile' "$profiles" "$1" "$fingerprint"
}
for split in dev test; do
  [ -f "$(profile $split)" ] && continue
  [ $split = dev ] || printf '{"fingerprint": "%s", "measurement": "profile", "commit": "%s", "date": "%s"}\n' "$fingerprint" \
    "$(git rev-parse --short HEAD)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >>Benchmarks/results/test-runs.jsonl
  OPENBLAS_NUM_THREADS=1 "$bin/tandem-evaluate" profile --manifest "$shared/speech/manifest.tsv" \
    --split $split --name "$split of shared/speech" --model Models/english --output "$(profile $split)"
done
results=Benchmarks/results/controller.jsonl
rm -f "$results"
Benchmarks/record.sh "$results" controller-targets "$bin/tandem-simulate" targets \
  --profile "$(profile dev)" --shared "$shared" --seed "$seed" --report "$report/dev"
Benchmarks/record.sh "$results" controller-targets-test "$bin/tandem-simulate" targets --calibration Models/english/calibration.json \
  --profile "$(profile test)" --shared "$shared" --seed "$seed" --report "$report/test"
Benchmarks/record.sh "$results" controller-speed "$bin/tandem-simulate" speed \
  --profile "$(profile dev)" --shared "$shared" --seed "$seed"
