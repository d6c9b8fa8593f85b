#!/bin/sh
# Runs recordings whose words are known through device and edge at the most talkative log level, and
# then looks for those words in everything that was written: the decision log's files and both logs.
#
#   Scripts/prove-private.sh [MODEL=Models/english]
#
# Looked for: every word of four letters or more of every reference and of every transcript. A word that
# the programs write about themselves (such as "link" or "edge") is no evidence; which those are is
# found with a run over noise in which nobody speaks, and they are named. The same search must find the
# transcripts when they are asked for (decisionLog.storeTranscripts), or it proves nothing.
# Then: `decisions export` must hold predicted and actual cost of every utterance.
set -eu
cd "$(dirname "$0")/.."
. Scripts/prove-common.sh
model=${1:-Models/english}
check_model "$model"
Scripts/demo-recordings.sh >"$folder/recordings.tsv"
certificates "$folder/certificates"
start_edge "$model" --log-level trace

# Ten seconds of faint noise: nobody speaks.
python3 - "$folder/noise.wav" <<'PYTHON'
import random, struct, sys, wave
random.seed(1)
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(b"".join(struct.pack("<h", random.randint(-30, 30)) for _ in range(160000)))
PYTHON

# run NAME FLAGS: both policies, so that both origins occur; copies what was written while the log is
# open (with its -wal) by keeping the write-ahead log until the last connection closes.
run() {
  run_name=$1
  shift
  mkdir "$folder/$run_name"
  : >"$folder/edge.log"
  for policy in always-edge always-local confidence; do
    device --model "$model" --policy "$policy" --log-level trace --format json \
      --decision-log-path "$folder/$run_name/decisions.sqlite" "$@" \
      >>"$folder/$run_name.answers" 2>>"$folder/$run_name/device.log" &
    running=$!
    # The write-ahead log goes away when the device closes the database: keep what stood in it.
    while kill -0 "$running" 2>/dev/null; do
      for file in "$folder/$run_name"/decisions.sqlite-wal; do
        [ -s "$file" ] && cp "$file" "$folder/$run_name/wal-$policy" 2>/dev/null || true
      done
      sleep 0.05
    done
    wait "$running"
  done
  cp "$folder/edge.log" "$folder/$run_name/edge.log"
}
# Several times, so that the later ones are decided with what was measured at the earlier ones.
noise=$folder/noise.wav
run noise "$noise" "$noise" "$noise" "$noise" "$noise" "$noise" "$noise" "$noise"
run private --manifest "$folder/recordings.tsv"
run asked --manifest "$folder/recordings.tsv" --decision-log-store-transcripts
stop_edge
"$programs/tandem-device" decisions export --format jsonl \
  --decision-log-path "$folder/private/decisions.sqlite" >"$folder/export.jsonl"

python3 - "$folder" <<'PYTHON'
import csv, json, os, re, sys

folder = sys.argv[1]


def words(text):
    return {word for word in re.findall("[a-z']+", text.lower()) if len(word) >= 4}


def written(run):
    """What the run has written, by file, in lower case; the policies' own names are blanked, since "always-local" and a
    byte after it that happens to be an l spell "call"."""
    return {name: re.sub(b"always-local|always-edge|confidence", b" ", open(f"{folder}/{run}/{name}", "rb").read().lower())
            for name in sorted(os.listdir(f"{folder}/{run}"))}


def places(word, files):
    """The files with these letters anywhere: a database's columns have nothing between them."""
    return [name for name, data in files.items() if word.encode() in data]


references = set().union(*(words(row["text"]) for row in csv.DictReader(
    open(folder + "/recordings.tsv"), delimiter="\t")))
answers = [json.loads(line) for line in open(folder + "/private.answers")]
transcripts = set().union(*(words(answer["transcript"]) for answer in answers))
# Paths name files after what is said in them ("vm-goodbye.wav"); no log line may hold those either.
sought = references | transcripts
noise, private, asked = written("noise"), written("private"), written("asked")
# Hexadecimal digits, as in ids, may spell a word by chance.
own = {word for word in sought if places(word, noise) or re.fullmatch("[a-f]+", word)}
excluded = sorted(own)
found = {word: places(word, private) for word in sought - own}
leaked = sorted(word for word in found if found[word])
control = [word for word in transcripts - own if places(word, asked)]
rows = [json.loads(line) for line in open(folder + "/export.jsonl")]
without = [row["id"] for row in rows if row.get("predictedTotal") is None or row.get("actualTotal") is None]
failures = []
for word in leaked:
    failures.append(f"'{word}' stands in {', '.join(found[word])}")
if len(excluded) > len(sought) / 5:
    failures.append("too many words are the programs' own to prove anything")
if not transcripts - own:
    failures.append("the transcripts hold no word of four letters, so nothing was proved about them")
elif len(control) < len(transcripts - own):
    failures.append("the search does not find all transcripts that were asked for, so it proves nothing")
if len(rows) != len(answers) or not rows:
    failures.append(f"the export has {len(rows)} rows for {len(answers)} utterances")
if without:
    failures.append(f"{len(without)} rows of the export lack a predicted or an actual cost, such as {without[0]}")
if any(row.get("transcript") for row in rows):
    failures.append("the export holds transcripts that nobody asked for")
if not any(name.startswith("wal-") for name in private):
    failures.append("no write-ahead log was seen, so nothing was proved about it")
for failure in failures:
    print("prove-private.sh:", failure, file=sys.stderr)
print("searched:", ", ".join(f"{name} ({len(data)} bytes)" for name, data in private.items()))
print("not evidence, because the programs write them themselves:", ", ".join(excluded) or "none")
print(f"control: {len(control)} of {len(transcripts - own)} transcript words are found where transcripts were asked for")
print(f"{len(answers)} utterances, {len(sought - own)} words of references and transcripts sought, "
      f"{len(leaked)} found; {len(rows) - len(without)} of {len(rows)} rows with predicted and actual cost")
sys.exit(1 if failures else 0)
PYTHON
