#!/bin/sh
# Fails if a cryptography library other than OpenSSL is part of a product that `make build` or `make test` has linked.
#
#   Scripts/check-build-graph.sh [.build/release]
#
# Tandem's TLS and digests are the system's OpenSSL. BoringSSL comes in by itself, twice, with swift-crypto (X509, JWT) and
# with swift-nio-ssl (NIOSSL, other products of grpc-swift-nio-transport), and is then most of a clean build.
# SwiftPM writes the objects of every target that a product needs into its Objects.LinkFileList.
set -eu
folder=${1:-.build/release}
products="tandem-device tandem-edge tandem-evaluate tandem-simulate"
[ ! -d "$folder/tandemPackageTests.product" ] || products="$products tandemPackageTests"

for product in $products; do
  list=$folder/$product.product/Objects.LinkFileList
  [ -s "$list" ] || {
    echo "check-build-graph.sh: there is no $list; build first (make build)" >&2
    exit 66
  }
  # Every product has some of our own objects; if not, the list is no longer what this script takes it for.
  grep -q '/Offload\.build/' "$list" || {
    echo "check-build-graph.sh: $list does not name the objects of Offload: SwiftPM's build folder has changed" >&2
    exit 70
  }
  if grep -E '/(C?[A-Za-z]*BoringSSL[A-Za-z]*|NIOSSL|X509|Crypto|_CryptoExtras)\.build/' "$list" >&2; then
    echo "check-build-graph.sh: $product links the targets above; find the dependency that brings them in Package.swift" >&2
    exit 1
  fi
done
echo "no BoringSSL in: $products"
