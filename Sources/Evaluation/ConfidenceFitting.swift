import Audio
import Conformer
import Decoding
import Offload

/// `tandem-evaluate fit-confidence`: fits every exit's probability that its transcript is right, on dev data.
public struct ConfidenceFitting: Sendable {
  public var confidence: ExitConfidence
  /// By exit (from 0): predictions for utterances that the fit had not seen, against what came true.
  public var reliability: [Reliability]
  /// How well each criterion tells which exit to stop at: word error rate against average depth (experiment 2).
  public var selection: [ExitSelectionCurve]

  /// One utterance: every exit's features, whether its transcript is right, and its errors.
  public struct Measured: Sendable {
    public var results: [CTCSearch.Result]
    public var errors: [Int]
    public var words: Int
  }

  /// - Parameters:
  ///   - name: of the data, kept in the file.
  ///   - folds: parts of the data; each is predicted by a fit on the others for `reliability` and `selection`.
  public init(
    manifest: Manifest, name: String, paths: Paths, limit: Int? = nil, folds: Int = 5, threads: Int,
    progress: (@Sendable (Int) -> Void)? = nil
  ) throws {
    let items = limit.map { Array(manifest.items.prefix($0)) } ?? manifest.items
    let measured = try inParallel(items.count, threads: threads, progress: progress) {
      index -> Measured in
      let item = items[index]
      let encoder = paths.encode(try AudioReader.readAll(path: item.path))
      let exits = paths.exits(of: encoder)
      let results = exits.map(\.search)
      let errors = exits.map { WordErrors(reference: item.text, hypothesis: $0.text) }
      return Measured(
        results: results, errors: errors.map(\.errors), words: errors.first?.words ?? 0)
    }
    self.init(
      measured, name: name, folds: folds,
      depths: paths.model.exitDepths)
  }

  /// The same from what was measured before.
  /// - Parameter depths: blocks before each exit.
  public init(_ measured: [Measured], name: String, folds: Int = 5, depths: [Int]) {
    let folds = max(2, folds)
    var fitted: [ExitConfidence.Exit] = []
    reliability = []
    var unseen: [[Double]] = []  // by exit, then utterance
    for exit in depths.indices {
      let features = measured.map {
        ConfidenceFeature.values($0.results[exit], previous: exit > 0 ? $0.results[exit - 1] : nil)
      }
      let labels = measured.map { $0.errors[exit] == 0 }
      var predictions = [Double](repeating: 0, count: measured.count)
      for fold in 0..<folds {
        let inside = measured.indices.filter { $0 % folds != fold }
        let fit = LogisticRegression(
          features: inside.map { features[$0] }, labels: inside.map { labels[$0] })
        for index in stride(from: fold, to: measured.count, by: folds) {
          predictions[index] = fit.probability(features[index])
        }
      }
      unseen.append(predictions)
      let outcome = Reliability(zip(predictions, labels).map { ($0, $1) })
      reliability.append(outcome)
      let whole = LogisticRegression(features: features, labels: labels)
      fitted.append(
        ExitConfidence.Exit(
          exit: exit + 1, intercept: whole.intercept,
          weights: Dictionary(
            uniqueKeysWithValues: zip(ConfidenceFeature.allCases.map(\.rawValue), whole.weights)),
          utterances: measured.count, right: labels.count { $0 },
          calibrationError: outcome.calibrationError))
    }
    confidence = ExitConfidence(manifest: name, exits: fitted)
    selection = ConfidenceCriterion.allCases.map { criterion in
      ExitSelectionCurve(
        criterion: criterion,
        utterances: measured.enumerated().map { index, utterance in
          .init(
            confidences: depths.indices.map { exit in
              switch criterion {
              case .probability: unseen[exit][index]
              case .frameEntropy: utterance.results[exit].frameEntropy
              case .sentencePosterior: utterance.results[exit].sentencePosterior
              case .wordConfidence: utterance.results[exit].leastWordConfidence ?? 0
              case .agreement:
                exit == 0
                  ? .nan
                  : utterance.results[exit - 1].hypothesis.agreement(
                    with: utterance.results[exit].hypothesis)
              }
            }, errors: utterance.errors, words: utterance.words)
        }, depths: depths)
    }
  }
}
