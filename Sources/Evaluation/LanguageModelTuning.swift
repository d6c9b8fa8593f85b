import Audio
import Conformer
import Decoding
import Models

/// `tandem-evaluate tune-language-model`: the search's weights that make the fewest word errors on dev.
///
/// The encoders run once; then coordinates are searched one after the other, each over a grid, with the search that ships. For
/// both heads together the candidates are found once with the CTC head's weights and only ranked anew.
public struct LanguageModelTuning: Sendable {
  /// One setting that was tried.
  public struct Trial: Sendable, Codable {
    public var languageModel: String
    public var decoder: String
    public var beamWidth: Int
    public var weights: SearchWeights
    /// Errors a reference word over everything.
    public var wordErrorRate: Double
  }

  public var trials: [Trial] = []
  public var entries: [DecodingSettings.Entry] = []

  private let model: Model
  private let references: [String]
  private let seconds: [SecondPass]
  private let threads: Int
  private let beamWidth: Int
  private let name: String

  /// Encodes everything; nothing is tuned yet.
  ///
  /// - Parameter name: of the data, kept with the weights.
  public init(
    manifest: Manifest, name: String, paths: Paths, beamWidth: Int, limit: Int? = nil,
    threads: Int, progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    guard let model = paths.model as? Model else {
      throw LanguageModelTuningError.noLanguageModel(directory: paths.model.directory)
    }
    self.model = model
    self.threads = threads
    self.beamWidth = beamWidth
    self.name = name
    references = items.map(\.text)
    seconds = try inParallel(items.count, threads: threads, progress: progress) { index in
      let encoder = paths.encode(try AudioReader.readAll(path: items[index].path))
      return try paths.secondPass(encoder, splitLayer: paths.model.blockCount)
    }
  }

  /// Tunes one head with one language model (nil for none: then only the heads' shares and the word bonus) and adds what it
  /// found to `entries`.
  ///
  /// - Parameter report: told of every trial.
  public mutating func tune(
    side: Model.LanguageModelSide?, decoder: ModelConfiguration.SecondPassDecoder,
    report: (Trial) throws -> Void = { _ in }
  ) throws {
    guard
      let fusion = try WordFusion.make(
        model: model, side: side, decoder: decoder, weights: SearchWeights())
    else { throw LanguageModelTuningError.noLanguageModel(directory: model.directory) }
    let data = self
    var best = SearchWeights()
    var candidateWeights: SearchWeights?
    let measure: (SearchWeights) throws -> Double
    if decoder == .fused {
      // Candidates by what was tuned for the CTC head: in this run, or before.
      let before = try DecodingSettings.load(directory: model.directory)
      let now = entries.first { $0.languageModel == side?.rawValue && $0.decoder == .ctc }
      let known = now?.weights ?? before.weights(languageModel: side, decoder: .ctc)
      let judged = try candidates(fusion.with(known ?? best))
      candidateWeights = known ?? best
      if let known { best = known }
      measure = { try data.rate(ranking: judged, fusion.with($0)) }
    } else {
      measure = { try data.rate(searching: decoder, fusion.with($0)) }
    }
    var bestRate = Double.infinity
    var tried: Set<SearchWeights> = []
    func attempt(_ weights: SearchWeights) throws {
      guard weights.problem == nil, tried.insert(weights).inserted else { return }
      let rate = try measure(weights)
      let trial = Trial(
        languageModel: side?.rawValue ?? "none", decoder: decoder.rawValue, beamWidth: beamWidth,
        weights: weights, wordErrorRate: rate)
      trials.append(trial)
      try report(trial)
      if rate < bestRate {
        bestRate = rate
        best = weights
      }
    }
    try attempt(best)
    for scale in [1.0, 0.5] {
      for change in Self.changes(decoder) {
        // From the best so far, as far in each direction as it helps.
        for step in [-scale, scale] {
          var from = best
          while true {
            change(&from, step)
            let before = bestRate
            try attempt(from)
            if bestRate >= before { break }
          }
        }
      }
    }
    entries.append(
      DecodingSettings.Entry(
        languageModel: side?.rawValue ?? "none", decoder: decoder, weights: best,
        candidateWeights: candidateWeights, tunedOn: name,
        beamWidth: beamWidth, wordErrorRate: bestRate))
  }

  private static func changes(_ decoder: ModelConfiguration.SecondPassDecoder) -> [(
    inout SearchWeights, Double
  ) -> Void] {
    var changes: [(inout SearchWeights, Double) -> Void] = [
      { $0.languageModel = rounded($0.languageModel + 0.2 * $1) },
      { $0.wordBonus = rounded($0.wordBonus + $1) },
      { $0.languageModel = rounded($0.languageModel + 0.2 * $1) },
      { $0.unknownLetter = rounded($0.unknownLetter + $1) },
    ]
    if decoder != .ctc {
      changes.append { $0.internalLanguageModel = rounded($0.internalLanguageModel + 0.2 * $1) }
    }
    if decoder == .fused {
      changes.append { $0.transducerShare = rounded($0.transducerShare + 0.2 * $1) }
      changes += changes
    }
    return changes
  }

  private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }

  private func candidates(_ fusion: WordFusion) throws -> [[JudgedHypothesis]] {
    let search = try SecondPassSearch(
      model: model, decoder: .fused, beamWidth: beamWidth, fusion: fusion)
    let seconds = seconds
    return try inParallel(seconds.count, threads: threads) { try search.judge(seconds[$0]) }
  }

  private func rate(ranking judged: [[JudgedHypothesis]], _ fusion: WordFusion) throws -> Double {
    let search = try SecondPassSearch(
      model: model, decoder: .fused, beamWidth: beamWidth, fusion: fusion)
    return try rate { search.rank(judged[$0]).first?.text ?? "" }
  }

  private func rate(
    searching decoder: ModelConfiguration.SecondPassDecoder, _ fusion: WordFusion
  ) throws -> Double {
    let search = try SecondPassSearch(
      model: model, decoder: decoder, beamWidth: beamWidth, fusion: fusion)
    let seconds = seconds
    return try rate { try search.recognize(seconds[$0]).first?.text ?? "" }
  }

  private func rate(_ transcript: @escaping @Sendable (Int) throws -> String) throws -> Double {
    let references = references
    let errors = try inParallel(references.count, threads: threads) {
      WordErrors(reference: references[$0], hypothesis: try transcript($0))
    }
    return errors.reduce(WordErrors(), +).rate ?? 0
  }
}

public enum LanguageModelTuningError: Error, CustomStringConvertible, Equatable {
  case noLanguageModel(directory: String)

  public var description: String {
    switch self {
    case .noLanguageModel(let directory):
      "model.json in \(directory) names no such language model; build one with python -m tandem_training language-model"
    }
  }
}
