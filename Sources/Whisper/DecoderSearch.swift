import Foundation
import Models
import Tensors

/// From the encoder's output to a transcript, token by token: greedy, by beam, or drawn at a temperature.
///
/// Bounded: at most half the decoder's positions, and no more tokens than the window's length allows; a loop is cut.
public struct DecoderSearch {
  public struct Options: Sendable, Equatable {
    /// Hypotheses that are kept; 1 is greedy.
    public var beamWidth = 1
    /// nil: model.json's, and what the decoder hears where that says nothing.
    public var language: String?
    /// Whether the decoder writes times among the words.
    public var writesTimestamps = false
    /// Whether each word is told when it was said.
    public var findsWordTimes = false
    /// Text that came before, such as names that are likely to be said.
    public var previousText: String?
    /// Temperatures to draw at, one after the other, where a transcript is a loop or less probable a token than
    /// `leastLogProbability`; none by default.
    public var fallbackTemperatures: [Float] = []
    public var leastLogProbability = -1.0
    /// Above this, and with a transcript less probable than `leastLogProbability`, nobody spoke.
    public var noSpeechThreshold = 0.6
    /// Tokens a second of the window, at most; nobody speaks faster.
    public var tokensPerSecond = 12.0
    /// nil: loops are not cut.
    public var loopGuard: LoopGuard? = LoopGuard()
    public var seed: UInt64 = 1

    public init() {}
  }

  private let edge: WhisperEdge
  private let configuration: WhisperConfiguration
  private let options: Options
  private let rules: TokenRules

  init(edge: WhisperEdge, configuration: WhisperConfiguration, options: Options) {
    self.edge = edge
    self.configuration = configuration
    self.options = options
    rules = TokenRules(
      configuration: configuration, tokens: edge.tokens,
      writesTimestamps: options.writesTimestamps)
  }

  /// A hypothesis under way or over.
  struct Candidate {
    var tokens: [Int] = []
    var logProbability = 0.0
    var entropy = 0.0
    var leastLogProbability = 0.0
    var isCut = false
    /// Log probability a token, the end's included; what hypotheses of unlike length are ranked by.
    var score: Double { logProbability / Double(max(1, tokens.count)) }
  }

  /// - Parameter frames: the encoder's output `[n, d]` after all layers.
  func transcribe(_ frames: [Float], isCancelled: () -> Bool) -> DecodedTranscript {
    let d = configuration.dimension
    let count = min(frames.count / d, configuration.encoder.positions)
    guard count > 0, !isCancelled() else { return .empty }
    var memory = [Float](repeating: 0, count: count * d)
    memory.withUnsafeMutableBufferPointer {
      edge.norm.apply(frames, rows: count, into: $0.baseAddress!)
    }
    let isShort = count < configuration.encoder.positions
    let language = self.language(memory, isShort: isShort)
    let prompt = self.prompt(language: language)
    let limit = tokenLimit(frames: count, prompt: prompt.count)
    let state = DecoderState(
      edge.decoder, memory: memory, addsTail: isShort, width: max(1, options.beamWidth),
      capacity: prompt.count + limit)
    var (best, noSpeech) = search(
      state, prompt: prompt, limit: limit, temperature: 0, isCancelled: isCancelled)
    for (number, temperature) in options.fallbackTemperatures.enumerated()
    where temperature > 0 && (best.isCut || mean(best) < options.leastLogProbability) {
      if isCancelled() { break }
      let again = DecoderState(
        edge.decoder, memory: memory, addsTail: isShort, width: 1, capacity: prompt.count + limit)
      let drawn = search(
        again, prompt: prompt, limit: limit, temperature: temperature, number: number,
        isCancelled: isCancelled
      ).best
      if !drawn.isCut || best.isCut { best = drawn }
    }
    if let noSpeech, noSpeech > options.noSpeechThreshold, mean(best) < options.leastLogProbability
    {
      best = Candidate(logProbability: best.logProbability, entropy: best.entropy)
    }
    let text = best.tokens.filter { $0 < edge.tokens.endOfText }
    var words: [DecodedTranscript.Word] = []
    if options.findsWordTimes, !text.isEmpty, !isCancelled() {
      words = WordTimes(edge: edge, configuration: configuration).words(
        text, memory: memory, frames: count, addsTail: isShort,
        prompt: self.prompt(language: language, timestamps: false, previous: false))
    }
    return DecodedTranscript(
      tokens: text, text: edge.tokenizer.decode(text).trimmingCharacters(in: .whitespaces),
      logProbability: best.logProbability,
      meanEntropy: best.entropy / Double(best.tokens.count + 1),
      leastProbability: best.tokens.isEmpty ? nil : exp(best.leastLogProbability),
      noSpeechProbability: noSpeech, isCut: best.isCut, frames: count,
      language: language, words: words)
  }

  /// Log probability a token with the end, as openai-whisper's `avg_logprob`.
  private func mean(_ candidate: Candidate) -> Double {
    candidate.logProbability / Double(candidate.tokens.count + 1)
  }

  private func tokenLimit(frames: Int, prompt: Int) -> Int {
    let half = configuration.decoder.positions / 2
    let seconds = Double(frames) / Double(WhisperConfiguration.framesPerSecond)
    let spoken = 16 + Int(seconds * options.tokensPerSecond)
    return max(1, min(half, spoken, configuration.decoder.positions - prompt))
  }

  /// What is spoken: as asked for, as model.json says, or as the decoder hears it.
  private func language(_ memory: [Float], isShort: Bool) -> String? {
    guard configuration.decoder.isMultilingual else { return nil }
    if let language = options.language ?? configuration.decoder.language,
      edge.tokens.languages[language] != nil
    {
      return language
    }
    let state = DecoderState(edge.decoder, memory: memory, addsTail: isShort, width: 1, capacity: 1)
    let output = state.run(tokens: [edge.tokens.startOfTranscript], slot: 0)
    var scores = [Float](repeating: 0, count: edge.decoder.tokenCount)
    scores.withUnsafeMutableBufferPointer {
      state.scores(output, rows: 1, into: $0.baseAddress!)
    }
    return edge.tokens.languages.filter { $0.value < scores.count }
      .max {
        let (a, b) = (scores[$0.value], scores[$1.value])
        return a != b ? a < b : $0.value > $1.value
      }?.key
  }

  private func prompt(language: String?, timestamps: Bool? = nil, previous: Bool = true) -> [Int] {
    var prompt =
      edge.tokens.prompt(
        isMultilingual: configuration.decoder.isMultilingual, language: language)
      ?? [edge.tokens.startOfTranscript, edge.tokens.noTimestamps]
    if timestamps ?? rules.writesTimestamps, prompt.last == edge.tokens.noTimestamps {
      prompt.removeLast()
    }
    guard previous, let text = options.previousText, let start = edge.tokens.startOfPrevious else {
      return prompt
    }
    // The end of it, as far as half the positions go.
    let room = configuration.decoder.positions / 2 - 1 - prompt.count
    let before = edge.tokenizer.encode(" " + text.trimmingCharacters(in: .whitespaces))
    return room > 0 ? [start] + before.suffix(room) + prompt : prompt
  }

  private func search(
    _ state: DecoderState, prompt: [Int], limit: Int, temperature: Float, number: Int = 0,
    isCancelled: () -> Bool
  ) -> (best: Candidate, noSpeech: Double?) {
    let size = edge.decoder.tokenCount
    let width = temperature > 0 ? 1 : max(1, options.beamWidth)
    let d = configuration.dimension
    let scores = UnsafeMutablePointer<Float>.allocate(capacity: width * size)
    scores.initialize(repeating: 0, count: width * size)
    defer { scores.deallocate() }
    let output = state.run(tokens: prompt, slot: 0)
    let start = prompt.lastIndex(of: edge.tokens.startOfTranscript) ?? 0
    var noSpeech: Double?
    if let token = edge.tokens.noSpeech, token < size {
      state.scores(output + start * d, rows: 1, into: scores)
      applyLogSoftmax(scores, rows: 1, columns: size)
      noSpeech = exp(Double(scores[token]))
    }
    state.scores(output + (prompt.count - 1) * d, rows: 1, into: scores)
    if width > 1 { state.reorder(Array(repeating: 0, count: width)) }

    var generator = SplitMix(state: options.seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
    var live = [Candidate()]
    var finished: [Candidate] = []
    for count in 1...limit {
      var grown: [(candidate: Candidate, parent: Int)] = []
      for (index, candidate) in live.enumerated() {
        let row = scores + index * size
        rules.apply(row, history: candidate.tokens, temperature: temperature)
        let entropy = Self.entropy(row, count: size)
        let chosen =
          temperature > 0
          ? [Self.draw(row, count: size, &generator)]
          : Self.strongest(row, count: size, number: width == 1 ? 1 : width + 1)
        for token in chosen {
          grown.append((candidate.growing(by: token, Double(row[token]), entropy: entropy), index))
        }
      }
      if width > 1 {
        // Stable: equal ones stay in the order of their parents.
        grown = grown.enumerated().sorted {
          let (a, b) = ($0.element.candidate.logProbability, $1.element.candidate.logProbability)
          return a != b ? a > b : $0.offset < $1.offset
        }.map(\.element)
      }
      live = []
      var parents: [Int] = []
      for (candidate, parent) in grown {
        if let ended = ended(candidate) {
          finished.append(ended)
          continue
        }
        live.append(candidate)
        parents.append(parent)
        if live.count == width { break }
      }
      if finished.count >= width || live.isEmpty || count == limit || isCancelled() { break }
      if width > 1 { state.reorder(parents) }
      let output = state.step(live.map { $0.tokens[$0.tokens.count - 1] })
      state.scores(output, rows: live.count, into: scores)
    }
    if finished.count < width { finished += live.prefix(width - finished.count) }
    var best = finished.first ?? Candidate()
    for candidate in finished.dropFirst() where candidate.score > best.score { best = candidate }
    return (best, noSpeech)
  }

  /// The hypothesis without its end, or without its loop; nil if it goes on.
  private func ended(_ candidate: Candidate) -> Candidate? {
    var ended = candidate
    if candidate.tokens.last == edge.tokens.endOfText {
      ended.tokens.removeLast()
      return ended
    }
    guard let loopGuard = options.loopGuard, let excess = loopGuard.excess(candidate.tokens) else {
      return nil
    }
    ended.tokens.removeLast(excess)
    ended.isCut = true
    return ended
  }

  private static func entropy(_ row: UnsafePointer<Float>, count: Int) -> Double {
    var sum = 0.0
    for i in 0..<count where row[i] > -20 { sum -= Double(exp(row[i]) * row[i]) }
    return max(0, sum)
  }

  /// The `number` largest, largest first, the first of equal ones; fewer where the others are impossible.
  static func strongest(_ row: UnsafePointer<Float>, count: Int, number: Int) -> [Int] {
    var best: [Int] = []
    for i in 0..<count where row[i] > -.infinity {
      if best.count == number, row[i] <= row[best[number - 1]] { continue }
      let at = best.firstIndex { row[i] > row[$0] } ?? best.count
      best.insert(i, at: at)
      if best.count > number { best.removeLast() }
    }
    return best
  }

  private static func draw(
    _ row: UnsafePointer<Float>, count: Int, _ generator: inout SplitMix
  ) -> Int {
    var left = Double(generator.next() >> 11) / Double(1 << 53)
    var last = 0
    for i in 0..<count where row[i] > -.infinity {
      last = i
      left -= Double(exp(row[i]))
      if left < 0 { break }
    }
    return last
  }
}

extension DecoderSearch.Candidate {
  func growing(by token: Int, _ logProbability: Double, entropy: Double) -> Self {
    var grown = self
    grown.tokens.append(token)
    grown.logProbability += logProbability
    grown.leastLogProbability = min(leastLogProbability, logProbability)
    grown.entropy += entropy
    return grown
  }
}

/// Steele, Lea and Flood 2014: the same draws for the same seed, whatever the machine.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
