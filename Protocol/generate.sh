#!/bin/sh
# Writes the Swift code of tandem.proto into a folder (default: Protocol/Generated).
#
#   Protocol/generate.sh [FOLDER]
#
# The code is committed, because running the generators as build plugins costs
# minutes in every clean build. ProtocolTests compares a fresh generation with the
# committed one where the tools are present: `protoc` (Debian: protobuf-compiler)
# and the two plugins, found in the folder $TANDEM_PROTOC_PLUGINS or in PATH.
# To build the plugins, at the versions that Package.resolved names:
#   git clone https://github.com/apple/swift-protobuf && cd swift-protobuf &&
#     swift build --product protoc-gen-swift
#   git clone https://github.com/grpc/grpc-swift-protobuf && cd grpc-swift-protobuf &&
#     swift build --product protoc-gen-grpc-swift-2
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
