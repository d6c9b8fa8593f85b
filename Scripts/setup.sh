#!/bin/sh
# Installs the Debian packages that Tandem builds and demonstrates with; says nothing when all are there.
#
#   Scripts/setup.sh            to build, test and run the demo
#   Scripts/setup.sh generators to write Protocol/Generated again
#   Scripts/setup.sh training   for the training package: a virtual environment of Python
set -eu
case ${1:-build} in
build)
  packages="libopenblas-dev libsndfile1-dev libflac-dev libopus-dev libsamplerate0-dev libssl-dev libsqlite3-dev zlib1g-dev pkg-config openssl
    pocketsphinx-testdata asterisk-core-sounds-en asterisk-core-sounds-en-wav"
  command -v swift >/dev/null || {
    echo "setup.sh: there is no swift; install Swift 6.3 (https://www.swift.org/install) and put its folder into PATH" >&2
    exit 69
  }
  ;;
generators) packages="protobuf-compiler" ;;
training) packages="python3 python3-venv" ;;
*)
  echo "setup.sh: \"$1\" is none of build, generators and training" >&2
  exit 64
  ;;
esac
missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null; then
  as_root=sudo
else
  echo "setup.sh: these Debian packages are missing, and installing them needs root: apt-get install$missing" >&2
  exit 77
fi
echo "installing:$missing" >&2
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
