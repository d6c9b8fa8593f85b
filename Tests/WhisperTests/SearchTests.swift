import Foundation
import Models
import Tensors
import Testing

@testable import Whisper

@Suite("Whisper's search")
struct SearchTests {
  func frames(_ golden: Golden) throws -> [Float] {
    try golden.values("layers.\(golden.model.configuration.encoder.layers)")
  }

  @Test(arguments: Golden.tiny)
  func aBeamFindsNoLessProbableTranscript(folder: String) throws {
    let golden = try Golden(folder)
    let frames = try frames(golden)
    var options = DecoderSearch.Options()
    options.loopGuard = nil
    let greedy = try golden.model.transcribe(frames, search: options)
    options.beamWidth = 5
    let beam = try golden.model.transcribe(frames, search: options)
    func score(_ found: DecodedTranscript) -> Double {
      found.logProbability / Double(max(1, found.tokens.count))
    }
    #expect(score(beam) >= score(greedy) - 1e-4)
    // Deterministic, and what is kept of hypotheses that were dropped does not show.
    #expect(try golden.model.transcribe(frames, search: options) == beam)
  }

  @Test(arguments: Golden.tiny)
  func cancellingEndsAtTheNextToken(folder: String) throws {
    let golden = try Golden(folder)
    let frames = try frames(golden)
    var asked = 0
    let found = try golden.model.transcribe(frames) {
      asked += 1
      return asked > 3
    }
    #expect(found.tokens.count <= 4)
    #expect(try golden.model.transcribe(frames, isCancelled: { true }) == .empty)
    #expect(try golden.model.transcribe([]) == .empty)
  }

  @Test(arguments: Golden.tiny, [1, 3])
  func timestampsAscend(folder: String, beam: Int) throws {
    let golden = try Golden(folder)
    // The tiny models have no timestamp tokens, so the wish is not granted, and nothing breaks.
    var options = DecoderSearch.Options()
    options.writesTimestamps = true
    options.beamWidth = beam
    _ = try golden.model.transcribe(try frames(golden), search: options)
  }

  @Test(arguments: Golden.tiny)
  func wordTimesAscendWithinTheWindow(folder: String) throws {
    let golden = try Golden(folder)
    var options = DecoderSearch.Options()
    options.findsWordTimes = true
    options.loopGuard = nil
    let frames = try frames(golden)
    let found = try golden.model.transcribe(frames, search: options)
    #expect(!found.words.isEmpty)
    let seconds =
      Double(frames.count / golden.model.dimension) / golden.model.framesPerSecond
    var last = 0.0
    for word in found.words {
      #expect(word.start >= last && word.end >= word.start && word.end <= seconds)
      last = word.start
    }
  }

  @Test func fallbackDrawsWhereTheTranscriptIsUnlikely() throws {
    let golden = try Golden(Golden.tiny[0])
    let frames = try frames(golden)
    var options = DecoderSearch.Options()
    options.fallbackTemperatures = [0.5, 1]
    options.leastLogProbability = 0
    options.noSpeechThreshold = 2
    let drawn = try golden.model.transcribe(frames, search: options)
    #expect(try golden.model.transcribe(frames, search: options) == drawn)
    options.seed = 99
    // Another seed, other draws: some seed differs.
    var differs = false
    for seed in 1...8 {
      options.seed = UInt64(seed)
      if try golden.model.transcribe(frames, search: options).tokens != drawn.tokens {
        differs = true
      }
    }
    #expect(differs)
  }

  @Test func nobodySpokeWhereTheModelSaysSo() throws {
    let golden = try Golden(Golden.tiny[0])
    var options = DecoderSearch.Options()
    options.noSpeechThreshold = -1
    options.leastLogProbability = 0
    #expect(try golden.model.transcribe(try frames(golden), search: options).tokens.isEmpty)
  }

  @Test func strongestKeepsTheOrderOfEquals() {
    let row: [Float] = [1, 3, -.infinity, 3, 2, 3]
    #expect(DecoderSearch.strongest(row, count: 6, number: 3) == [1, 3, 5])
    #expect(DecoderSearch.strongest(row, count: 6, number: 9) == [1, 3, 5, 4, 0])
  }

  @Test func loopsAreCutToOneCopy() {
    let loops = LoopGuard()
    #expect(loops.excess([]) == nil)
    #expect(loops.excess([5, 6, 7, 5, 6, 7]) == nil)
    #expect(loops.excess([1, 5, 6, 7, 5, 6, 7, 5, 6, 7]) == 6)
    // Said three times, a single word is no loop yet.
    #expect(loops.excess([2, 2, 2]) == nil)
    #expect(loops.excess(Array(repeating: 2, count: 9)) == 8)
    #expect(loops.excess([1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) == 8)
    #expect(loops.excess(Array(0..<200)) == nil)
  }

  @Test func theCheapestPathIsFound() {
    // Each row is cheap in its own columns.
    let cost: [Float] = [
      0, 0, 1, 1, 1, 1,
      1, 1, 0, 0, 0, 1,
      1, 1, 1, 1, 1, 0,
    ]
    let path = WordTimes.path(cost, rows: 3, columns: 6)
    #expect(path.map(\.row) == [0, 0, 1, 1, 1, 2])
    #expect(path.map(\.column) == [0, 1, 2, 3, 4, 5])
  }
}
