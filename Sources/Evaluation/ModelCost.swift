import Audio
import Basics
import Conformer
import Decoding
import Models
import Offload
import Simulation
import SpeechModels
import TandemDevice

/// `tandem-evaluate cost`: what a model's first pass costs a device (the columns beside the error rates in the tables of
/// arXiv 2304.00171).
public struct ModelCost: Sendable, Codable {
  /// The model's folder.
  public var model: String
  /// Weights of the device's half.
  public var deviceParameters: Int
  public var blocks: Int
  /// Floating-point operations for one encoder frame, from the samples to the last exit (a multiply-add is two).
  public var operationsPerFrame: Double
  /// Bytes kept between two chunks: convolution histories, keys and values, recurrences.
  public var stateBytes: Int
  /// Seconds of audio in a chunk.
  public var chunkSeconds: Double
  /// Milliseconds of one thread for a chunk through all blocks with the last exit's search: median, and the ninetieth of a hundred.
  public var chunkMilliseconds: Double
  public var slowChunkMilliseconds: Double
  /// Seconds of computing a second of audio.
  public var realTimeFactor: Double

  /// What is computed at a time: a chunk, or, where nothing can be computed before the end, the whole utterance.
  private static func pieceSeconds(_ model: any SpeechModel, _ seconds: Double) -> Double {
    model.isStreaming ? model.chunkSeconds : min(seconds, model.maximumSeconds ?? seconds)
  }

  /// Measures several models in turns, chunk by chunk, so that what else the machine does strikes them alike.
  ///
  /// - Parameters:
  ///   - seconds: of seeded noise, which costs what speech costs: nothing in the first pass depends on what is said.
  ///   - rounds: times that every model goes through it; the first is not counted.
  /// - Throws: `ModelError`.
  public static func measure(
    models: [String], seconds: Double = 10, rounds: Int = 4
  ) throws -> [ModelCost] {
    let loaded = try models.map { try SpeechModels.load(directory: $0, parts: .device) }
    var generator = SeededGenerator(seed: 1)
    let samples = (0..<Int(seconds * Double(AudioReader.sampleRate))).map { _ in
      Float(Int64(generator.next() >> 44) - (1 << 19)) / Float(1 << 22)
    }
    var times = [[Double]](repeating: [], count: loaded.count)
    for round in 0..<max(2, rounds) {
      let encoders = loaded.map { $0.makeEncoder(firstLayer: 0, depth: $0.blockCount) }
      var places = [Int](repeating: 0, count: loaded.count)
      while places.contains(where: { $0 < samples.count }) {
        for (index, model) in loaded.enumerated() where places[index] < samples.count {
          let piece = Int(
            Self.pieceSeconds(model, seconds) * Double(AudioReader.sampleRate))
          let end = min(samples.count, places[index] + piece)
          let clock = ContinuousClock()
          let taken = clock.measure {
            encoders[index].append(samples: samples[places[index]..<end])
            if !model.isStreaming { encoders[index].finish() }
            _ = encoders[index].output(ofExit: model.exitCount - 1)
          }
          if round > 0, end - places[index] == piece { times[index].append(taken.seconds * 1_000) }
          places[index] = end
        }
      }
    }
    return zip(models, loaded).enumerated().map { index, pair in
      let shape = ModelShape(pair.1)
      let sorted = times[index].sorted()
      func quantile(_ share: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
      }
      let mean = sorted.reduce(0, +) / Double(max(1, sorted.count))
      return ModelCost(
        model: pair.0, deviceParameters: pair.1.deviceParameterCount, blocks: pair.1.blockCount,
        operationsPerFrame: shape.frontEndOperations
          + shape.operations(blocks: 0, to: shape.blockCount) + shape.exitOperations,
        stateBytes: pair.1.makeEncoder(firstLayer: 0, depth: 0).stateBytes,
        chunkSeconds: pieceSeconds(pair.1, seconds), chunkMilliseconds: quantile(0.5),
        slowChunkMilliseconds: quantile(0.9),
        realTimeFactor: mean / 1_000 / pieceSeconds(pair.1, seconds))
    }
  }
}
