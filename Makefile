# The commands that the README names. `make demo` and `make test` are all a newcomer needs.

# One configuration for everything: tests, demo and benchmarks use the same build.
SWIFT_FLAGS = -c release -Xswiftc -enable-testing
BIN = .build/release
GENERATORS = .build/generators/debug

.PHONY: demo test test-training train-smoke build generators generate setup format lint clean

demo: build
	Scripts/demo.sh $(BIN)

test: setup
	swift build $(SWIFT_FLAGS) --build-tests
	# A folder of its own for what tests write (certificates, logs of a hundred megabytes), gone when they are.
	@temporary=$$(mktemp -d) && trap 'rm -rf "$$temporary"' EXIT && trap 'exit 130' INT TERM && \
	  set -x && TANDEM_PROTOC_PLUGINS=$(CURDIR)/$(GENERATORS) TMPDIR=$$temporary swift test $(SWIFT_FLAGS) --skip-build --no-parallel

# The training package's tests: makes a virtual environment with PyTorch (5 GB) in .venv.
test-training:
	Scripts/setup.sh training
	python3 -m venv .venv
	.venv/bin/pip install --quiet --editable 'Training[test]'
	cd Training && ../.venv/bin/python -m pytest -q

# A tiny model from a manifest to a transcript by the engine, in minutes; needs espeak-ng.
train-smoke: build
	test -x .venv/bin/python || python3 -m venv .venv
	.venv/bin/pip install --quiet --editable Training
	Scripts/train-smoke.sh $(BIN)

build: setup
	swift build $(SWIFT_FLAGS)

# The plugins that write Protocol/Generated, of the packages' versions that Package.resolved names; `make test` then compares.
# In a folder of their own: once a build was asked for one package's tool, SwiftPM 6.3 builds the tools of all packages each time, protoc's C++ too.
generators: setup
	Scripts/setup.sh generators
	swift build --scratch-path .build/generators --product protoc-gen-swift
	swift build --scratch-path .build/generators --product protoc-gen-grpc-swift-2

generate: generators
	TANDEM_PROTOC_PLUGINS=$(CURDIR)/$(GENERATORS) Protocol/generate.sh

setup:
	Scripts/setup.sh

SWIFT_SOURCES = Package.swift Sources Device/Library Device/Command Edge/Library Edge/Command Protocol/Library Tests

format:
	swift format --in-place --recursive $(SWIFT_SOURCES)

lint:
	swift format lint --strict --recursive $(SWIFT_SOURCES)

clean:
	rm -rf .build .demo
