#!/bin/sh
# Writes the Swift code of tandem.proto into a folder (default: Protocol/Generated).
#
#   Protocol/generate.sh [FOLDER]
#
# The code is committed, because running the generators as build plugins costs
# minutes in every clean build. `make generate` builds the plugins, at the versions
# that Package.resolved names, and runs this. ProtocolTests compares a fresh
# generation with the committed one where the tools are present (in CI they are):
# `protoc` (Debian: protobuf-compiler) and the two plugins, found in the folder
# $TANDEM_PROTOC_PLUGINS or in PATH.
# Exit status 69 (EX_UNAVAILABLE): a tool is missing; its name is on standard error.
set -eu
protocol=$(cd "$(dirname "$0")" && pwd)
folder=${1:-"$protocol/Generated"}
if [ -n "${TANDEM_PROTOC_PLUGINS:-}" ]; then
  PATH="$TANDEM_PROTOC_PLUGINS:$PATH"
fi
for tool in protoc protoc-gen-swift protoc-gen-grpc-swift-2; do
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "generate.sh: '$tool' is not in PATH; the head of $0 says where it comes from" >&2
    exit 69
  fi
done
mkdir -p "$folder"
protoc --proto_path="$protocol" \
  --swift_out="$folder" --swift_opt=Visibility=Public \
  --grpc-swift-2_out="$folder" --grpc-swift-2_opt=Visibility=Public \
  tandem.proto
