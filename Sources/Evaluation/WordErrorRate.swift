import Audio
import Conformer
import Decoding
import Foundation

/// `tandem-evaluate wer`: word error rates of every exit and of the edge path, per data set.
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

  struct Utterance: Sendable {
    var set: String
    var reference: String
    /// Exits in order, then the edge.
    var texts: [String]
    var entropies: [Double]
    var posteriors: [Double]
  }

  public var rows: [Row]
  public var chunks: [ChunkRow]

  /// - Parameters:
  ///   - chunks: milliseconds; each is run over all the audio and compared with the whole.
  ///   - splitLayer: where the edge path splits; the codec of `paths` lies between.
  public init(
    manifest: Manifest, paths: Paths, limit: Int? = nil, chunks: [Int] = [], splitLayer: Int,
    threads: Int, progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    let results = try inParallel(items.count, threads: threads, progress: progress) {
      index -> (Utterance, [Int]) in
      let item = items[index]
      let samples = try AudioReader.readAll(path: item.path)
      func transcripts(_ encoder: UtteranceEncoder) throws -> ([CTCSearch.Result], String) {
        (
          (1...paths.model.exitCount).map { paths.exit($0, of: encoder) },
          try paths.edge(encoder, splitLayer: splitLayer).text
        )
      }
      let (exits, edge) = try transcripts(paths.encode(samples))
      let texts = exits.map(\.hypothesis.text) + [edge]
      let differing = try chunks.map { chunk -> Int in
        let (exits, edge) = try transcripts(paths.encode(samples, piece: chunk))
        return zip(exits.map(\.hypothesis.text) + [edge], texts).filter { $0 != $1 }.count
      }
      return (
        Utterance(
          set: item.set, reference: item.text, texts: texts, entropies: exits.map(\.frameEntropy),
          posteriors: exits.map(\.sentencePosterior)), differing
      )
    }
    let utterances = results.map(\.0)
    let exitCount = paths.model.exitCount
    var sets = Array(Set(utterances.map(\.set))).sorted()
    if sets.count > 1 { sets.append("pooled") }
    rows = []
    for set in sets {
      let members = set == "pooled" ? utterances : utterances.filter { $0.set == set }
      for path in 0...exitCount {
        let errors = members.map {
          WordErrors(reference: $0.reference, hypothesis: $0.texts[path])
        }
        let sum = errors.reduce(WordErrors(), +)
        let interval = Bootstrap.interval(errors) ?? (0, 0)
        let isExit = path < exitCount
        func mean(_ values: [Double]) -> Double {
          values.reduce(0, +) / Double(max(1, values.count))
        }
        rows.append(
          Row(
            set: set, path: isExit ? "exit-\(path + 1)" : "edge",
            decoder: isExit ? paths.exitDecoderName : paths.edge.decoderName,
            utterances: members.count,
            words: sum.words, substitutions: sum.substitutions, deletions: sum.deletions,
            insertions: sum.insertions, wordErrorRate: sum.rate ?? 0, low: interval.low,
            high: interval.high,
            meanFrameEntropy: isExit ? mean(members.map { $0.entropies[path] }) : nil,
            meanSentencePosterior: isExit ? mean(members.map { $0.posteriors[path] }) : nil))
      }
    }
    self.chunks = chunks.enumerated().map { number, chunk in
      ChunkRow(
        chunkMilliseconds: chunk, utterances: items.count,
        transcripts: items.count * (exitCount + 1),
        differing: results.reduce(0) { $0 + $1.1[number] })
    }
  }
}
