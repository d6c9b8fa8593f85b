import Audio
import Decoding
import Foundation
import Tensors
import Testing

@testable import Conformer

/// Tensors that PyTorch computed for tiny seeded models; `python -m tandem_training golden` writes them.
struct Golden {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Golden").path

  let model: Model
  let tensors: SafetensorsFile
  let greedy: Greedy

  struct Greedy: Decodable {
    var exits: [[Int]]
    var transducer: [Int]
  }

  init(_ name: String) throws {
    model = try Model.load(directory: Self.folder + "/" + name, parts: .edge)
    tensors = try SafetensorsFile(path: Self.folder + "/" + name + "/golden.safetensors")
    greedy = try JSONDecoder().decode(
      Greedy.self,
      from: Data(contentsOf: URL(fileURLWithPath: Self.folder + "/" + name + "/greedy.json")))
  }

  func values(_ name: String) throws -> [Float] { try tensors.tensor(name).array }
}

@Suite("Golden tensors from PyTorch")
struct GoldenTests {
  static let models = ["characters", "subwords"]

  /// Prints the largest difference and bounds it, relative to the tensor's own largest value.
  func compare(_ found: [Float], _ expected: [Float], _ what: String, bound: Float = 2e-4) {
    #expect(found.count == expected.count, "\(what): \(found.count) values for \(expected.count)")
    let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    let scale = max(1, expected.map(abs).max() ?? 1)
    print("golden \(what): largest difference \(difference), largest value \(scale)")
    #expect(difference <= bound * scale, "\(what) differs by \(difference)")
  }

  @Test(arguments: models)
  func features(name: String) throws {
    let golden = try Golden(name)
    var logMel = LogMel(golden.model.configuration.features)
    var frames = logMel.append(try golden.values("samples")) + logMel.finish()
    compare(frames, try golden.values("logMel"), "\(name) logMel")
    var normalization = RunningNormalization(
      mean: golden.model.featureMean.values,
      standardDeviation: golden.model.featureDeviation.values,
      configuration: golden.model.configuration.features)
    normalization.apply(&frames)
    compare(frames, try golden.values("normalised"), "\(name) normalised")
  }

  @Test(
    "Every layer and exit, whole and cut into pieces", arguments: models, [0, 1, 160, 999, 7_000])
  func firstPass(name: String, piece: Int) throws {
    let golden = try Golden(name)
    let model = golden.model
    let samples = try golden.values("samples")
    let encoder = UtteranceEncoder(model: model, depth: model.blockCount)
    if piece == 0 {
      encoder.append(samples: samples)
    } else {
      for start in stride(from: 0, to: samples.count, by: piece) {
        encoder.append(samples: samples[start..<min(start + piece, samples.count)])
      }
    }
    encoder.finish()
    let label = "\(name) pieces of \(piece)"
    compare(encoder.frames(at: 0), try golden.values("subsampled"), "\(label) subsampled")
    for block in 0..<model.blockCount {
      compare(
        encoder.frames(at: block + 1), try golden.values("blocks.\(block)"),
        "\(label) blocks.\(block)")
    }
    for exit in 0..<model.exitCount {
      let posteriors = encoder.logPosteriors(exit: exit)
      compare(
        posteriors, try golden.values("exits.\(exit).logProbabilities"), "\(label) exits.\(exit)")
      let tokens = CTCSearch.greedy(posteriors, vocabulary: model.vocabulary).hypothesis.tokens
      #expect(tokens == golden.greedy.exits[exit])
    }
  }

  @Test(arguments: models)
  func secondPass(name: String) throws {
    let golden = try Golden(name)
    let model = golden.model
    let last = try golden.values("blocks.\(model.blockCount - 1)")
    var stages: [[Float]] = []
    let second = try model.secondPass(last) { stages.append($1) }
    compare(stages[0], try golden.values("secondEncoder.input"), "\(name) secondEncoder.input")
    for (i, stage) in stages.dropFirst().enumerated() {
      compare(stage, try golden.values("secondEncoder.blocks.\(i)"), "\(name) secondEncoder.\(i)")
    }
    compare(
      try model.connectionistPosteriors(second),
      try golden.values("secondEncoder.logProbabilities"), "\(name) secondEncoder CTC")

    let transducer = try #require(model.transducer)
    let projected = transducer.project(second)
    let prediction = transducer.predict(Array(repeating: 0, count: transducer.context))
    let j = transducer.joinerDimension
    var joined: [Float] = []
    for frame in 0..<second.frameCount {
      joined += transducer.join(
        frame: projected[(frame * j)..<((frame + 1) * j)], histories: [prediction])
    }
    compare(joined, try golden.values("transducer.logProbabilities"), "\(name) transducer")

    let search = try TransducerSearch(model: model)
    #expect(search.greedy(second).tokens == golden.greedy.transducer)
    let beam = try #require(search.beam(second, width: 8).first)
    let narrow = try #require(search.beam(second, width: 1).first)
    #expect(beam.logProbability >= narrow.logProbability - 1e-6)
  }
}

@Suite("Splitting changes nothing")
struct SplitTests {
  /// A golden model, its samples, and what they come to when all is computed as soon as it is there.
  private func computed(_ name: String) throws -> (Model, [Float], UtteranceEncoder) {
    let golden = try Golden(name)
    let samples = try golden.values("samples")
    let whole = UtteranceEncoder(model: golden.model, depth: golden.model.blockCount)
    whole.append(samples: samples)
    whole.finish()
    return (golden.model, samples, whole)
  }

  @Test(
    "Features shipped at any layer, in packets of any size, give the same bits",
    arguments: GoldenTests.models)
  func split(name: String) throws {
    let (model, _, whole) = try computed(name)
    for layer in 0...model.blockCount {
      for packet in [1, 3, 8, 1_000] {
        let edge = UtteranceEncoder(model: model, firstLayer: layer, depth: model.blockCount)
        let features = whole.frames(at: layer)
        let size = packet * model.dimension
        for start in stride(from: 0, to: features.count, by: size) {
          edge.append(features: features[start..<min(start + size, features.count)])
        }
        edge.finish()
        #expect(edge.frames(at: model.blockCount) == whole.frames(at: model.blockCount))
      }
    }
  }

  @Test(
    "In whatever order blocks are applied, the bits are the same",
    arguments: GoldenTests.models, 1...8 as ClosedRange<UInt64>)
  func steps(name: String, seed: UInt64) throws {
    let (model, samples, whole) = try computed(name)
    // A linear congruential generator (Knuth): the same schedule for the same seed.
    var state = seed
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    let encoder = UtteranceEncoder(model: model, depth: draw(model.blockCount + 1))
    var place = 0
    while place < samples.count {
      let end = min(samples.count, place + 1 + draw(9_000))
      encoder.append(samples: samples[place..<end], computing: draw(3) == 0)
      place = end
      for _ in 0..<draw(6) { encoder.step() }
      if draw(4) == 0 { encoder.deepen(to: draw(model.blockCount + 1)) }
    }
    let depth = encoder.depth
    let layer = draw(model.blockCount + 1)
    encoder.finish(to: layer)
    #expect(encoder.depth == min(depth, layer))
    #expect(encoder.frameCount(at: encoder.depth) == whole.frameCount(at: 0))
    for exit in 0..<model.exitCount {
      encoder.advance(to: model.exits[exit].afterBlock)
      #expect(!encoder.step())
      #expect(encoder.logPosteriors(exit: exit) == whole.logPosteriors(exit: exit))
    }
    encoder.advance(to: model.blockCount)
    for layer in 0...model.blockCount {
      #expect(encoder.frames(at: layer) == whole.frames(at: layer))
    }
  }

  @Test(
    "Going deeper later gives the same bits as going deep at once", arguments: GoldenTests.models)
  func deepening(name: String) throws {
    let (model, samples, whole) = try computed(name)
    let lazy = UtteranceEncoder(model: model, depth: 1)
    lazy.append(samples: samples.prefix(9_000))
    lazy.append(samples: samples.dropFirst(9_000))
    lazy.finish()
    for layer in 1...model.blockCount {
      lazy.advance(to: layer)
      #expect(lazy.frames(at: layer) == whole.frames(at: layer))
    }
  }

  @Test func anUtteranceShorterThanAFrameHasOnlyItsTail() throws {
    let model = try Golden("characters").model
    let encoder = UtteranceEncoder(model: model, depth: model.blockCount)
    encoder.append(samples: [0.1])
    encoder.finish()
    #expect(encoder.frameCount(at: model.blockCount) > 0)
    let nothing = UtteranceEncoder(model: model, depth: model.blockCount)
    nothing.finish()
    #expect(nothing.frameCount(at: model.blockCount) == 0)
    #expect(try model.secondPass([]).frameCount == 0)
  }
}
