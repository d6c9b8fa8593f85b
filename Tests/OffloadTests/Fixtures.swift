import Offload

/// Seeded, so that a failing case can be run again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

enum Fixtures {
  /// Eight equal blocks, exits 1 to 4 after blocks 2, 4, 6 and 8.
  static let shape = ModelShape(
    exits: (1...4).map { .init(exit: $0, afterBlock: 2 * $0) }, framesPerSecond: 25,
    frontEndOperations: 1e6,
    blockOperations: Array(
      // A Conformer's block with d = 144, a feed-forward of 576, 15 taps and 64 frames in sight.
      repeating: 995_040, count: 8),
    exitOperations: 1e5, secondPassOperations: 3e6)

  static func exit(_ number: Int, entropy: Double, posterior: Double = 0.5) -> ExitEvidence {
    ExitEvidence(
      exit: number, afterBlock: 2 * number, frameEntropy: entropy, sentencePosterior: posterior,
      tokenCount: 20, frameCount: 100)
  }

  /// Exit 3 is deliberately left out.
  static let calibration = Calibration(
    entries: [1, 2, 4].flatMap { exit in
      [
        CalibrationEntry(
          exit: exit, afterBlock: 2 * exit, criterion: .frameEntropy, threshold: 0.2,
          errorRate: ErrorRateCurve(steps: [
            .init(limit: 0.2, errorRate: 0.05), .init(limit: 1, errorRate: 0.4),
          ]),
          edgeErrorRate: ErrorRateCurve(steps: [.init(limit: 1, errorRate: 0.1)])),
        CalibrationEntry(
          exit: exit, afterBlock: 2 * exit, criterion: .sentencePosterior, threshold: 0.9),
      ]
    })

  static let options = OffloadOptions(
    splitLayers: [0, 2, 4, 6, 8],
    rates: [
      FeatureRate(codec: 0, bytesPerFrame: 576), FeatureRate(codec: 1, bytesPerFrame: 148),
    ],
    packetDurations: [0.32])

  static let goodLink = LinkEstimate(
    connectivity: .connected,
    bandwidth: Percentiles(tenth: 1e6, median: 2e6, ninetieth: 4e6),
    roundTrip: Percentiles(tenth: 0.02, median: 0.03, ninetieth: 0.08), sampleCount: 20, age: 1)

  static func evidence(
    exits: [ExitEvidence] = [], deadline: Double = 2, link: LinkEstimate = goodLink,
    edge: EdgeEstimate = EdgeEstimate(expectedWait: 0.05, age: 1, price: 0),
    options: OffloadOptions = options
  ) -> Evidence {
    Evidence(
      model: shape, exits: exits, utteranceSeconds: 4, deadlineRemaining: deadline, link: link,
      edge: edge, options: options)
  }

  static func settings(
    criterion: ConfidenceCriterion = .frameEntropy, offloadAfterExit: Int? = nil,
    splitLayer: Int? = nil, codec: Int = 1
  ) -> PolicySettings {
    PolicySettings(
      costs: CostPredictor(model: .standard, deviceClass: .laptop), calibration: calibration,
      criterion: criterion, offloadAfterExit: offloadAfterExit, splitLayer: splitLayer,
      codec: codec)
  }
}
