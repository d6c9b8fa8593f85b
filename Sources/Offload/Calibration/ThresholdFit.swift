/// Chooses every exit's threshold on dev data.
///
/// The rule: **the loosest threshold such that the utterances accepted at the exit have, together, at most
///
///     edge errors * (1 + tolerance) + allowance * reference words
///
/// word errors**, where the edge's errors are counted on the same utterances. `tolerance` is what one is
/// willing to lose relative to the edge; `allowance` keeps very sure utterances, on which the edge makes no
/// error at all, from being refused for a single slip. At least `minimumAccepted` utterances must be
/// accepted, since on fewer any rate is chance; otherwise the exit gets no threshold and is never accepted.
///
/// Exits are fitted in order, each on the utterances that no earlier exit accepts: those are what it meets
/// in use, harder than the average. So the rule holds for the whole cascade: on the dev data it makes
/// at most (1 + tolerance) times the edge's errors, plus allowance times the words. An exit's threshold
/// never becomes stricter with a larger tolerance, a larger allowance or a smaller minimum, given the
/// utterances that reach it. Deterministic: the order of the samples does not matter.
public struct ThresholdFit: Hashable, Sendable {
  /// Relative excess over the edge's errors, at least 0.
  public var tolerance: Double
  /// Errors per reference word that are allowed on top, at least 0.
  public var allowance: Double
  /// Fewest utterances that a threshold must accept on the dev data.
  public var minimumAccepted: Int

  public init(tolerance: Double = 0.1, allowance: Double = 0.02, minimumAccepted: Int = 20) {
    self.tolerance = max(tolerance, 0)
    self.allowance = max(allowance, 0)
    self.minimumAccepted = max(minimumAccepted, 1)
  }

  /// Fits every exit that occurs in `samples`.
  /// - Parameters:
  ///   - samples: one a dev utterance and exit; a confidence of NaN is never accepted.
  ///   - criterion: what `CalibrationSample.confidence` is.
  ///   - manifest: the dev data's name, kept in the result.
  /// - Returns: one entry an exit, in ascending order.
  public func fitThresholds(
    samples: [CalibrationSample], criterion: ConfidenceCriterion, manifest: String
  ) -> [CalibrationEntry] {
    let byExit = Dictionary(grouping: samples, by: \.exit)
    let exits = byExit.keys.sorted()
    var accepted: Set<String> = []
    return exits.enumerated().map { index, exit in
      let all = byExit[exit] ?? []
      let reaching = all.filter { !accepted.contains($0.utterance) }
      let next = index + 1 < exits.count ? byExit[exits[index + 1]] ?? [] : []
      let entry = entry(
        exit: exit, samples: all, reaching: reaching, next: next, criterion: criterion,
        manifest: manifest)
      if let threshold = entry.threshold {
        for sample in reaching where criterion.accepts(sample.confidence, threshold: threshold) {
          accepted.insert(sample.utterance)
        }
      }
      return entry
    }
  }

  private func entry(
    exit: Int, samples: [CalibrationSample], reaching: [CalibrationSample],
    next: [CalibrationSample], criterion: ConfidenceCriterion, manifest: String
  ) -> CalibrationEntry {
    let best = loosest(reaching, criterion: criterion)
    let errorsAtNext = Dictionary(
      next.map { ($0.utterance, $0.wordErrors) }, uniquingKeysWith: { first, _ in first })

    func curve(_ errors: (CalibrationSample) -> Int?) -> ErrorRateCurve {
      ErrorRateCurve.fit(
        samples.compactMap { sample in
          errors(sample).map {
            .init(
              confidence: sample.confidence, wordErrors: $0, referenceWords: sample.referenceWords)
          }
        }, criterion: criterion)
    }
    return CalibrationEntry(
      exit: exit, afterBlock: samples.first?.afterBlock ?? 0, criterion: criterion,
      threshold: best?.threshold, tolerance: tolerance, allowance: allowance, manifest: manifest,
      utterances: samples.count, reached: reaching.count, accepted: best?.accepted ?? 0,
      acceptedErrorRate: best.map { Double($0.errors) / Double(max($0.words, 1)) },
      acceptedEdgeErrorRate: best.map { Double($0.edgeErrors) / Double(max($0.words, 1)) },
      errorRate: curve(\.wordErrors),
      nextExitErrorRate: curve { errorsAtNext[$0.utterance] },
      edgeErrorRate: curve(\.edgeWordErrors))
  }

  private struct Accepted {
    var threshold = 0.0
    var accepted = 0
    var errors = 0
    var edgeErrors = 0
    var words = 0
  }

  /// Walks from the surest utterance to the least sure and remembers the last threshold that satisfied the
  /// rule. Rates go up and down on the way, so the walk goes to the end.
  private func loosest(
    _ samples: [CalibrationSample], criterion: ConfidenceCriterion
  ) -> Accepted? {
    let sorted =
      samples
      .filter { !$0.confidence.isNaN }
      .sorted { criterion.certainty($0.confidence) > criterion.certainty($1.confidence) }
    var running = Accepted()
    var best: Accepted?
    for (index, sample) in sorted.enumerated() {
      running.threshold = sample.confidence
      running.accepted += 1
      running.errors += sample.wordErrors
      running.edgeErrors += sample.edgeWordErrors
      running.words += sample.referenceWords
      // Utterances of equal confidence are accepted together or not at all.
      let isLastOfTie =
        index + 1 == sorted.count || sorted[index + 1].confidence != sample.confidence
      let allowed =
        Double(running.edgeErrors) * (1 + tolerance) + allowance * Double(running.words)
      if isLastOfTie, running.accepted >= minimumAccepted, Double(running.errors) <= allowed {
        best = running
      }
    }
    return best
  }
}
