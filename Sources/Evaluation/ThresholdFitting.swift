import Audio
import Conformer
import Decoding
import Offload

/// `tandem-evaluate fit-thresholds`: fits every exit's threshold on dev data, for both criteria.
public struct ThresholdFitting: Sendable {
  public var calibration: Calibration
  /// What the thresholds do together on the data they were fitted on, by criterion.
  public var outcomes: [ConfidenceCriterion: CascadeOutcome]

  /// - Parameter name: of the data, kept in the calibration.
  public init(
    manifest: Manifest, name: String, paths: Paths, fit: ThresholdFit = ThresholdFit(),
    splitLayer: Int, limit: Int? = nil, threads: Int, progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    struct Measured: Sendable {
      var entropy: Double
      var posterior: Double
      var errors: Int
      var tokens: Int
    }
    let measured = try inParallel(items.count, threads: threads, progress: progress) {
      index -> (exits: [Measured], edge: Int, words: Int, seconds: Double) in
      let item = items[index]
      let samples = try AudioReader.readAll(path: item.path)
      let encoder = paths.encode(samples)
      let exits = (1...paths.model.exitCount).map { number in
        let result = paths.exit(number, of: encoder)
        return Measured(
          entropy: result.frameEntropy, posterior: result.sentencePosterior,
          errors: WordErrors(reference: item.text, hypothesis: result.hypothesis.text).errors,
          tokens: result.hypothesis.tokens.count)
      }
      let edge = WordErrors(
        reference: item.text, hypothesis: try paths.edge(encoder, splitLayer: splitLayer).text)
      return (
        exits, edge.errors, edge.words,
        Double(samples.count) / Double(AudioReader.sampleRate)
      )
    }
    var entries: [CalibrationEntry] = []
    var samples: [ConfidenceCriterion: [CalibrationSample]] = [:]
    for criterion in ConfidenceCriterion.allCases {
      let all = measured.enumerated().flatMap { index, utterance in
        utterance.exits.enumerated().map { exit, result in
          CalibrationSample(
            utterance: items[index].name, exit: exit + 1,
            afterBlock: paths.model.configuration.encoder.exits[exit].afterBlock,
            confidence: criterion == .frameEntropy ? result.entropy : result.posterior,
            wordErrors: result.errors, referenceWords: utterance.words,
            edgeWordErrors: utterance.edge, tokens: result.tokens, seconds: utterance.seconds)
        }
      }
      samples[criterion] = all
      entries += fit.fitThresholds(samples: all, criterion: criterion, manifest: name)
    }
    let calibration = Calibration(entries: entries)
    self.calibration = calibration
    outcomes = samples.reduce(into: [:]) { outcomes, pair in
      outcomes[pair.key] = CascadeOutcome(
        samples: pair.value, calibration: calibration, criterion: pair.key)
    }
  }
}
