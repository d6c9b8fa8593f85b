import Audio
import Conformer
import Decoding
import Offload

/// `tandem-evaluate fit-thresholds`: fits every exit's threshold on dev data, for every criterion that the model has.
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
      var evidence: ExitEvidence
      var errors: Int
      var tokens: Int
    }
    let measured = try inParallel(items.count, threads: threads, progress: progress) {
      index -> (exits: [Measured], edge: Int, words: Int, seconds: Double) in
      let item = items[index]
      let samples = try AudioReader.readAll(path: item.path)
      let encoder = paths.encode(samples)
      let exits = paths.exits(of: encoder).map { said in
        Measured(
          evidence: said.evidence,
          errors: WordErrors(reference: item.text, hypothesis: said.text).errors,
          tokens: said.evidence.tokenCount)
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
            afterBlock: paths.model.exitDepths[exit],
            confidence: result.evidence.confidence(criterion),
            wordErrors: result.errors, referenceWords: utterance.words,
            edgeWordErrors: utterance.edge, tokens: result.tokens, seconds: utterance.seconds)
        }
      }
      // Nothing says so: no probability without confidence.json.
      if all.allSatisfy({ $0.confidence.isNaN }) { continue }
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
