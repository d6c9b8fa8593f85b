import Audio
import Conformer
import Decoding
import Foundation
import Offload

/// `tandem-evaluate wer`: word error rates of every exit and, where the model has a second pass, of the edge path, per data set.
public struct WordErrorRateEvaluation: Sendable {
  /// One data set along one path.
  public struct Row: Sendable, Codable {
    public var set: String
    /// "exit-1"… or "edge".
    public var path: String
    public var decoder: String
    public var utterances: Int
    public var words: Int
    public var substitutions: Int
    public var deletions: Int
    public var insertions: Int
    /// Errors per reference word.
    public var wordErrorRate: Double
    /// 95 % bootstrap over utterances.
    public var low: Double
    public var high: Double
    public var meanFrameEntropy: Double?
    public var meanSentencePosterior: Double?
  }

  /// Of feeding the audio in pieces.
  public struct ChunkRow: Sendable, Codable {
    public var chunkMilliseconds: Int
    public var utterances: Int
    public var transcripts: Int
    public var differing: Int
  }

  /// A path against the one before it, over the same utterances.
  public struct ComparisonRow: Sendable, Codable {
    public var set: String
    public var path: String
    public var before: String
    /// Error rate of `path` less that of `before`: negative where it is better.
    public var difference: Double
    /// 95 % paired bootstrap over utterances.
    public var low: Double
    public var high: Double
    /// Share of the errors of `before` that `path` does not make; nil where there are none. Negative where it makes more.
    public var relativeReduction: Double?
  }

  /// What stopping at the first exit whose confidence reaches its threshold comes to: which exits answer, and how well. Speech
  /// that is harder goes deeper (DAISY, arXiv 2406.05464).
  public struct SelectionRow: Sendable, Codable {
    public var set: String
    public var criterion: ConfidenceCriterion
    /// Utterances by the exit that answers, shallowest first; the last number is of those that none is sure of.
    public var answered: [Int]
    /// Mean number of blocks computed; all of them where no exit is sure.
    public var averageDepth: Double
    /// Where no exit is sure the last one answers…
    public var deviceWordErrorRate: Double
    /// …or the edge does; nil where there is none.
    public var cascadeWordErrorRate: Double?
  }

  /// Sets that are also looked at together.
  public struct Pool: Hashable, Sendable {
    public var name: String
    public var sets: [String]

    public init(name: String, sets: [String]) {
      self.name = name
      self.sets = sets
    }
  }

  /// How often a phrase came out where it was not said.
  public struct PhraseRow: Sendable, Codable {
    public var phrase: String
    public var path: String
    /// Utterances that hold the phrase, and those of them whose transcript does.
    public var said: Int
    public var found: Int
    /// Transcripts with the phrase among the utterances without it, and the hours of these.
    public var falseAccepts: Int
    public var otherHours: Double
  }

  struct Utterance: Sendable {
    var set: String
    var reference: String
    var seconds: Double
    /// Exits in order, then the edge where there is one, then a peer where one was asked.
    var texts: [String]
    /// Of each text; aligned once, however many sets and pools the utterance is counted in.
    var errors: [WordErrors]
    var entropies: [Double]
    var posteriors: [Double]
    /// The first exit (from 0) that is sure by the calibration; nil where none is.
    var sure: Int?
  }

  public var rows: [Row]
  public var chunks: [ChunkRow]
  public var comparisons: [ComparisonRow]
  public var phrases: [PhraseRow]
  public var selections: [SelectionRow]

  /// - Parameters:
  ///   - noise: mixed into every utterance; nil leaves them as they are.
  ///   - peer: is asked for the same recordings, without the noise: nil for none.
  ///   - phrases: to be counted where they were and were not said.
  ///   - pools: sets to be looked at together, beside "pooled", which is all of them; sets that are not there are passed over.
  ///   - selection: thresholds and the criterion that they are for; nil counts no stops.
  ///   - chunks: milliseconds; each is run over all the audio and compared with the whole.
  ///   - splitLayer: where the edge path splits; the codec of `paths` lies between.
  public init(
    manifest: Manifest, paths: Paths, limit: Int? = nil, chunks: [Int] = [], splitLayer: Int,
    noise: NoiseMixing? = nil, peer: PeerRecognizer? = nil, phrases: [String] = [],
    pools: [Pool] = [],
    selection: (calibration: Calibration, criterion: ConfidenceCriterion)? = nil,
    threads: Int, progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    let peerTexts = try peer?.transcribe(items.map(\.path))
    let results = try inParallel(items.count, threads: threads, progress: progress) {
      index -> (Utterance, [Int]) in
      let item = items[index]
      var samples = try AudioReader.readAll(path: item.path)
      if let noise { samples = noise.mixed(samples, number: index) }
      // What an utterance is judged by is its first part's, where it had to be cut.
      func transcripts(piece: Int?) throws -> ([Paths.ExitReading], [String]) {
        var first: [Paths.ExitReading]?
        var texts: [[String]] = []
        for part in paths.parts(of: samples) {
          let encoder = paths.encode(part, piece: piece)
          let exits = paths.exits(of: encoder)
          let edge = paths.hasEdge ? [try paths.edge(encoder, splitLayer: splitLayer).text] : []
          first = first ?? exits
          texts.append(exits.map(\.text) + edge)
        }
        let joined = (texts.first ?? []).indices.map { path in
          texts.map { $0[path] }.filter { !$0.isEmpty }.joined(separator: " ")
        }
        return (first ?? [], joined)
      }
      let (exits, texts) = try transcripts(piece: nil)
      let differing = try chunks.map { chunk -> Int in
        let (_, pieces) = try transcripts(piece: chunk)
        return zip(pieces, texts).filter { $0 != $1 }.count
      }
      let all = texts + (peerTexts.map { [$0[index]] } ?? [])
      return (
        Utterance(
          set: item.set, reference: SpokenWords.words(item.text).joined(separator: " "),
          seconds: Double(samples.count) / Double(AudioReader.sampleRate),
          texts: all,
          errors: all.map { WordErrors(reference: item.text, hypothesis: $0) },
          entropies: exits.map(\.search.frameEntropy),
          posteriors: exits.map(\.search.sentencePosterior),
          sure: selection.flatMap { selection in
            exits.firstIndex {
              selection.calibration.accepts($0.evidence, criterion: selection.criterion)
            }
          }), differing
      )
    }
    let utterances = results.map(\.0)
    let exitCount = paths.model.exitCount
    var sets = Array(Set(utterances.map(\.set))).sorted()
    let known = sets
    let pools =
      pools.filter { !Set($0.sets).isDisjoint(with: known) }
      + (known.count > 1 ? [Pool(name: "pooled", sets: known)] : [])
    sets += pools.map(\.name)
    let ours = (1...exitCount).map { "exit-\($0)" } + (paths.hasEdge ? ["edge"] : [])
    let names = ours + (peer == nil ? [] : ["whisper-tiny"])
    rows = []
    comparisons = []
    selections = []
    for set in sets {
      let together = pools.first { $0.name == set }?.sets ?? [set]
      let members = utterances.filter { together.contains($0.set) }
      if let selection {
        selections.append(
          Self.selection(
            members, set: set, criterion: selection.criterion, hasEdge: paths.hasEdge,
            depths: paths.model.exitDepths))
      }
      var before: [WordErrors]?
      for path in names.indices {
        let errors = members.map { $0.errors[path] }
        if let before, path < ours.count {
          let interval = Bootstrap.pairedInterval(Array(zip(errors, before))) ?? (0, 0)
          let words = max(1, errors.reduce(0) { $0 + $1.words })
          comparisons.append(
            ComparisonRow(
              set: set, path: names[path], before: names[path - 1],
              difference: Double(
                errors.reduce(0) { $0 + $1.errors } - before.reduce(0) { $0 + $1.errors })
                / Double(words), low: interval.low, high: interval.high,
              relativeReduction: Self.reduction(errors, before)))
        }
        before = errors
        let sum = errors.reduce(WordErrors(), +)
        let interval = Bootstrap.interval(errors) ?? (0, 0)
        let isExit = path < exitCount
        func mean(_ values: [Double]) -> Double {
          values.reduce(0, +) / Double(max(1, values.count))
        }
        rows.append(
          Row(
            set: set, path: names[path],
            decoder: isExit
              ? paths.exitDecoderName
              : (path < ours.count ? paths.edgeDecoderName : nil) ?? "greedy-int8",
            utterances: members.count,
            words: sum.words, substitutions: sum.substitutions, deletions: sum.deletions,
            insertions: sum.insertions, wordErrorRate: sum.rate ?? 0, low: interval.low,
            high: interval.high,
            meanFrameEntropy: isExit ? mean(members.map { $0.entropies[path] }) : nil,
            meanSentencePosterior: isExit ? mean(members.map { $0.posteriors[path] }) : nil))
      }
    }
    self.phrases = phrases.flatMap { phrase in
      names.indices.map { path in
        func holds(_ text: String) -> Bool { " \(text) ".contains(" \(phrase) ") }
        let said = utterances.filter { holds($0.reference) }
        let others = utterances.filter { !holds($0.reference) }
        return PhraseRow(
          phrase: phrase, path: names[path], said: said.count,
          found: said.count { holds($0.texts[path]) },
          falseAccepts: others.count { holds($0.texts[path]) },
          otherHours: others.reduce(0) { $0 + $1.seconds } / 3_600)
      }
    }
    self.chunks = chunks.enumerated().map { number, chunk in
      ChunkRow(
        chunkMilliseconds: chunk, utterances: items.count,
        transcripts: items.count * ours.count,
        differing: results.reduce(0) { $0 + $1.1[number] })
    }
  }

  /// Share of the errors of `before` that are gone.
  static func reduction(_ errors: [WordErrors], _ before: [WordErrors]) -> Double? {
    let earlier = before.reduce(0) { $0 + $1.errors }
    guard earlier > 0 else { return nil }
    return 1 - Double(errors.reduce(0) { $0 + $1.errors }) / Double(earlier)
  }

  /// - Parameter depths: blocks before each exit.
  static func selection(
    _ members: [Utterance], set: String, criterion: ConfidenceCriterion, hasEdge: Bool,
    depths: [Int]
  ) -> SelectionRow {
    var answered = [Int](repeating: 0, count: depths.count + 1)
    var blocks = 0
    var device = WordErrors()
    var cascade = WordErrors()
    for utterance in members {
      let last = depths.count - 1
      answered[utterance.sure ?? depths.count] += 1
      blocks += depths[utterance.sure ?? last]
      device = device + utterance.errors[utterance.sure ?? last]
      if hasEdge { cascade = cascade + utterance.errors[utterance.sure ?? depths.count] }
    }
    return SelectionRow(
      set: set, criterion: criterion, answered: answered,
      averageDepth: Double(blocks) / Double(max(1, members.count)),
      deviceWordErrorRate: device.rate ?? 0, cascadeWordErrorRate: hasEdge ? cascade.rate ?? 0 : nil
    )
  }
}
