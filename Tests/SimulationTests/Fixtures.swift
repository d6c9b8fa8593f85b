import FeatureCodec
import Foundation
import Offload

@testable import Simulation

/// Made-up data for tests. Nothing here is a measurement, and no figure of Tandem comes from it.
enum Fixtures {
  /// Eight equal blocks, exits 1 to 4 after blocks 2, 4, 6 and 8.
  static let shape = ModelShape(
    exits: (1...4).map { .init(exit: $0, afterBlock: 2 * $0) }, framesPerSecond: 25,
    frontEndOperations: 1e6,
    blockOperations: Array(repeating: 1e6, count: 8), exitOperations: 6e4,
    secondPassOperations: 3e6)

  /// SYNTHETIC: errors fall with depth, and confidence tells of errors, loosely.
  static func profile(utterances: Int = 200, seed: UInt64 = 1) throws -> Profile {
    let dimension = 144
    var generator = SeededGenerator(seed: seed)
    let layers = [0, 2, 8]
    let codecs = [0, 1]
    let made = (0..<utterances).map { number in
      let words = 1 + generator.index(below: 20)
      let seconds = Double(words) / 2.5 * (0.8 + 0.4 * generator.uniform())
      let frames = (seconds * 25).rounded(.up)
      let hardness = generator.uniform()
      func errors(_ rate: Double) -> Int {
        (0..<words).count { _ in generator.uniform() < rate * 2 * hardness }
      }
      let exits = shape.exits.map { point in
        let wrong = errors([0.5, 0.35, 0.25, 0.2][point.exit - 1])
        let entropy =
          0.05 + 0.6 * Double(wrong) / Double(words) * (0.7 + 0.6 * generator.uniform())
          + 0.1 * generator.uniform()
        return ProfiledUtterance.Exit(
          evidence: ExitEvidence(
            exit: point.exit, afterBlock: point.afterBlock, frameEntropy: entropy,
            sentencePosterior: exp(-entropy), tokenCount: words * 3, frameCount: Int(frames),
            probability: exp(-entropy)),
          wordErrors: wrong)
      }
      let lossless = errors(0.1)
      // What was heard so far is about as clear as the whole.
      let prefixes = (1..<max(1, Int((seconds / 0.32 - 1e-9).rounded(.up)))).map { index in
        ProfiledUtterance.Prefix(
          seconds: Double(index) * 0.32,
          exits: exits.map { exit in
            var evidence = exit.evidence
            evidence.frameEntropy *= 0.7 + 0.6 * generator.uniform()
            evidence.sentencePosterior = exp(-evidence.frameEntropy)
            evidence.probability = evidence.sentencePosterior
            evidence.frameCount = 8 * index
            return evidence
          })
      }
      let edge = layers.flatMap { layer in
        codecs.map { codec in
          ProfiledUtterance.Edge(
            splitLayer: layer, codec: codec,
            bytes: Int(frames) * FeatureCodec.table[codec].bytesPerFrame(dimension: dimension),
            wordErrors: codec == 0 ? lossless : lossless + (generator.uniform() < 0.05 ? 1 : 0))
        }
      }
      return ProfiledUtterance(
        id: "synthetic-\(number)", seconds: seconds, referenceWords: words, exits: exits,
        edge: edge,
        baselines: [.init(name: "opus-12", bytes: Int(seconds * 1_500), wordErrors: lossless)],
        prefixes: prefixes)
    }
    return try Profile(
      header: ProfileHeader(
        source: "SYNTHETIC, made by a test", shape: shape, dimension: dimension,
        splitLayers: layers, codecs: codecs, baselines: ["opus-12"], prefixSeconds: 0.32,
        chunkFrames: 8),
      utterances: made)
  }

  static func calibration(_ profile: Profile) -> Calibration {
    Calibration(
      entries: ConfidenceCriterion.allCases.flatMap {
        ThresholdFit().fitThresholds(
          samples: profile.calibrationSamples($0), criterion: $0, manifest: "synthetic")
      })
  }

  static func configuration(
    seconds: Double = 3600, devices: Int = 10, isShared: Bool = false,
    rate: RateTrace = .constant(bitsPerSecond: 1e6), crashes: Outages = .none
  ) -> FleetConfiguration {
    FleetConfiguration(
      seconds: seconds, deviceCount: devices, classes: [(class: .phone, weight: 1)],
      arrivals: .poisson(perHour: 60), traces: [rate],
      conditions: LinkConditions(roundTrip: 0.05, roundTripJitter: 0.01),
      edge: EdgeConfiguration(
        workers: 2, operationsPerSecond: 50e9, isShared: isShared,
        background: [.init(fromSecond: 0, utilisation: 0.5)], crashes: crashes))
  }

  /// The repository's root, from this file's place in it.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// The folder `shared`; nil where it is absent.
  static let shared = TraceLibrary.sharedFolder(from: root)
}
