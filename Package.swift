// swift-tools-version: 6.1
import PackageDescription

// One package, one room a target. Arrows point one way, as docs/architecture.md
// draws them: commands -> Device / Edge / Evaluation -> Offload, FeatureCodec,
// Decoding, Conformer, SecureTransport, DecisionLog -> Tensors, Audio -> Kernels.
let swift6: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grpc = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
// On Linux this product is GRPCNIOTransportCore and nothing else: HTTP/2 and gRPC over a channel of our own making. The
// package's other products bring NIOSSL and X509, and with them BoringSSL twice: most of a clean build, for a TLS that
// Tandem does not use. Scripts/check-build-graph.sh watches that none of it comes back.
let grpcTransport = Target.Dependency.product(
  name: "GRPCNIOTransportHTTP2TransportServices", package: "grpc-swift-nio-transport")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")

let package = Package(
  name: "tandem",
  platforms: [.macOS(.v15)],
  products: [
    .library(
      name: "Tandem",
      targets: [
        "TandemDevice", "TandemEdge", "TandemProtocol", "SecureTransport", "DecisionLog", "Offload",
        "FeatureCodec", "Decoding", "SpeechModels", "Models", "Conformer", "Whisper", "Audio",
      ]),
    .executable(name: "tandem-device", targets: ["tandem-device"]),
    .executable(name: "tandem-edge", targets: ["tandem-edge"]),
    .executable(name: "tandem-evaluate", targets: ["tandem-evaluate"]),
    .executable(name: "tandem-simulate", targets: ["tandem-simulate"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", exact: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", exact: "2.9.2"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", exact: "2.4.1"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    // The machine: C libraries and our own C.
    .systemLibrary(
      name: "CSndFile", path: "Sources/CSndFile", pkgConfig: "sndfile",
      providers: [.apt(["libsndfile1-dev"])]),
    .systemLibrary(
      name: "CFLAC", path: "Sources/CFLAC", pkgConfig: "flac", providers: [.apt(["libflac-dev"])]),
    .systemLibrary(
      name: "CSampleRate", path: "Sources/CSampleRate", pkgConfig: "samplerate",
      providers: [.apt(["libsamplerate0-dev"])]),
    .systemLibrary(
      name: "COpus", path: "Sources/COpus", pkgConfig: "opus", providers: [.apt(["libopus-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", path: "Sources/COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "openssl",
      providers: [.apt(["libssl-dev"])]),
    .target(name: "Kernels", exclude: ["README.md"]),

    .target(
      name: "Basics", dependencies: ["COpenSSL"], exclude: ["README.md"], swiftSettings: swift6),

    // The engine.
    .target(
      name: "Tensors", dependencies: ["Kernels", "COpenBLAS"], exclude: ["README.md"],
      swiftSettings: swift6),
    .target(
      name: "Audio", dependencies: ["Basics", "CFLAC", "CSndFile", "CSampleRate", "Kernels"],
      exclude: ["README.md"], swiftSettings: swift6),
    .target(
      name: "Models", dependencies: ["Basics", "Tensors"], exclude: ["README.md"],
      swiftSettings: swift6),
    .target(
      name: "Conformer", dependencies: ["Models", "Tensors", "Audio"], exclude: ["README.md"],
      swiftSettings: swift6),
    .target(
      name: "Whisper", dependencies: ["Basics", "Conformer", "Models", "Tensors"],
      exclude: ["README.md"], swiftSettings: swift6),
    .target(
      name: "SpeechModels", dependencies: ["Conformer", "Models", "Whisper"],
      exclude: ["README.md"], swiftSettings: swift6),
    .target(
      name: "Decoding", dependencies: ["Basics", "Conformer", "Models", "Tensors"],
      exclude: ["README.md"],
      swiftSettings: swift6),
    .target(
      name: "ModelImport", dependencies: ["Basics", "Conformer", "Models", "Tensors", "Whisper"],
      exclude: ["README.md"], swiftSettings: swift6),
    .target(
      name: "FeatureCodec", dependencies: ["Basics"], exclude: ["README.md"],
      swiftSettings: swift6),

    .target(name: "Inference", exclude: ["README.md"], swiftSettings: swift6),

    // Figures for people: text for pages and plots, without a script or a library.
    .target(name: "Plotting", exclude: ["README.md"], swiftSettings: swift6),

    // Deciding and remembering: pure functions, and the log.
    .target(name: "Offload", exclude: ["README.md"], swiftSettings: swift6),
    .target(
      name: "DecisionLog",
      dependencies: [
        "Basics", "Offload", "Plotting", .product(name: "GRDB", package: "GRDB.swift"),
      ],
      exclude: ["README.md"], swiftSettings: swift6),
    .target(
      name: "Settings",
      dependencies: ["Basics", "Offload", "FeatureCodec", .product(name: "Yams", package: "Yams")],
      exclude: ["README.md"], swiftSettings: swift6),

    // The wire.
    .target(
      name: "TandemProtocol",
      dependencies: [
        grpc, grpcProtobuf, .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      path: "Protocol",
      exclude: ["README.md", "SPEC.md", "tandem.proto", "generate.sh", "Vectors"],
      sources: ["Generated", "Library"], swiftSettings: [.swiftLanguageMode(.v6)]),
    .target(
      name: "SecureTransport",
      dependencies: ["COpenSSL", nioCore, nioPosix, nioTLS, grpc, grpcTransport, logging],
      exclude: ["README.md"], swiftSettings: swift6),

    // The two ends.
    .target(
      name: "TandemDevice",
      dependencies: [
        "Audio", "Basics", "Conformer", "Decoding", "FeatureCodec", "Inference", "Models",
        "Offload",

        "DecisionLog", "SecureTransport", "TandemProtocol", "Settings", "SpeechModels", "Whisper",
        grpc, logging,
      ],
      path: "Device/Library", swiftSettings: swift6),
    .target(
      name: "TandemEdge",
      dependencies: [
        "Basics", "Conformer", "Decoding", "FeatureCodec", "Inference", "Models", "Offload",
        "SecureTransport",
        "TandemProtocol", "Settings", "SpeechModels", "Whisper", grpc, logging,
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      path: "Edge/Library", swiftSettings: swift6),
    .target(
      name: "Evaluation",
      dependencies: [
        "Audio", "Basics", "COpus", "Conformer", "Decoding", "FeatureCodec", "Models", "Offload",
        "Simulation", "SpeechModels", "TandemDevice", "TandemEdge", "Whisper",
      ],
      exclude: ["README.md"], swiftSettings: swift6),

    .target(
      name: "Simulation",
      dependencies: [
        "Basics", "Offload", "FeatureCodec", "Plotting", "Settings",
        .product(name: "Yams", package: "Yams"),
      ],
      exclude: ["README.md"], swiftSettings: swift6),

    // Commands are thin: parse, call the library, print.
    .target(
      name: "Commands", dependencies: ["Basics", "Settings", arguments, logging],
      exclude: ["README.md"], swiftSettings: swift6),
    .executableTarget(
      name: "tandem-device",
      dependencies: [
        "Audio", "Basics", "Commands", "Conformer", "DecisionLog", "Decoding", "Evaluation",
        "FeatureCodec", "Inference", "Models", "Offload", "SecureTransport", "Settings",
        "SpeechModels", "TandemDevice",
        "TandemEdge",
        "TandemProtocol", arguments, logging,
      ],
      path: "Device/Command", swiftSettings: swift6),
    .executableTarget(
      name: "tandem-edge",
      dependencies: [
        "Basics", "Commands", "Conformer", "Decoding", "Models", "SecureTransport", "Settings",
        "TandemEdge", arguments, logging,
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      path: "Edge/Command", swiftSettings: swift6),
    .executableTarget(
      name: "tandem-evaluate",
      dependencies: [
        "Audio", "Basics", "Commands", "Conformer", "Decoding", "Evaluation", "FeatureCodec",
        "ModelImport", "Models", "Offload", "Plotting", "TandemDevice", "Whisper", arguments,
      ],
      swiftSettings: swift6),

    .executableTarget(
      name: "tandem-simulate",
      dependencies: ["Basics", "Commands", "Simulation", "Offload", "Settings", arguments],
      swiftSettings: swift6),

    // One test target a room, plus Integration.
    .testTarget(name: "BasicsTests", dependencies: ["Basics"], swiftSettings: swift6),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors", "Kernels"], swiftSettings: swift6),
    .testTarget(name: "AudioTests", dependencies: ["Audio", "Basics"], swiftSettings: swift6),
    .testTarget(
      name: "ConformerTests",
      dependencies: ["Conformer", "Decoding", "Audio", "Models", "Tensors"],
      exclude: ["Golden"], swiftSettings: swift6),
    .testTarget(
      name: "DecodingTests", dependencies: ["Decoding", "Conformer", "Models"],
      swiftSettings: swift6),
    .testTarget(
      name: "WhisperTests", dependencies: ["Whisper", "Models", "Tensors"], exclude: ["Golden"],
      swiftSettings: swift6),
    .testTarget(
      name: "ModelImportTests",
      dependencies: ["Basics", "Conformer", "ModelImport", "Models", "Tensors", "Whisper"],
      swiftSettings: swift6),
    .testTarget(name: "InferenceTests", dependencies: ["Inference"], swiftSettings: swift6),
    .testTarget(
      name: "FeatureCodecTests", dependencies: ["FeatureCodec"], swiftSettings: swift6),
    .testTarget(name: "OffloadTests", dependencies: ["Offload"], swiftSettings: swift6),
    .testTarget(
      name: "DecisionLogTests",
      dependencies: ["DecisionLog", "Offload", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: swift6),
    .testTarget(
      name: "SettingsTests", dependencies: ["Settings", "Offload"], swiftSettings: swift6),
    .testTarget(
      name: "ProtocolTests",
      dependencies: [
        "TandemProtocol", grpc,
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: swift6),
    .testTarget(
      name: "SecureTransportTests",
      dependencies: [
        "SecureTransport", "COpenSSL", "TandemProtocol", nioCore, nioEmbedded, nioPosix, nioTLS,
        grpc, grpcTransport, logging,
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: swift6),
    .testTarget(name: "PlottingTests", dependencies: ["Plotting"], swiftSettings: swift6),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["Simulation", "Offload", "FeatureCodec", "Settings", "TandemDevice"],
      swiftSettings: swift6),
    .testTarget(
      name: "EvaluationTests",
      dependencies: ["Audio", "Conformer", "Evaluation", "FeatureCodec", "Models", "Simulation"],
      swiftSettings: swift6),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "Audio", "Conformer", "Decoding", "DecisionLog", "Evaluation", "FeatureCodec", "Inference",
        "Models", "SpeechModels", "Whisper",
        "Offload", "SecureTransport", "Settings", "TandemDevice", "TandemEdge", "TandemProtocol",
        grpc, logging,
      ],
      swiftSettings: swift6),
  ]
)
