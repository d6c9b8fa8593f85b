/// Chooses every exit's threshold on dev data.
///
/// The rule: **an offload must pay.** An utterance that an exit accepts has the exit's word errors and saves the
/// price of an offload; one that it does not accept has the edge's errors. Each threshold is the one
/// with the largest
///
///     Σ over accepted utterances (edge errors - exit errors + offloadPrice),
///
/// the loosest of them where several are equal. So at the margin an utterance is shipped when the edge is
/// expected to save at least `offloadPrice` word errors on it. A rule on the accepted utterances' pooled
/// error rate was tried first and dropped: with a weak model it accepted everything at the first exit,
/// because many sure utterances paid for the hopeless ones (docs/decisions/0005).
///
/// At least `minimumAccepted` utterances must be accepted, since on fewer any sum is chance, and the
/// sum must not be negative; otherwise the exit gets no threshold and is never accepted. Exits are fitted in order,
/// each on the utterances that no earlier exit accepts: those are what it meets in use. So on the dev data the
/// cascade's errors plus the price of its offloads are never more than those of offloading everything. A
/// larger price never makes a threshold stricter, given the utterances that reach the exit.
/// Deterministic: the order of the samples does not matter.
public struct ThresholdFit: Hashable, Sendable {
  /// Word errors that shipping an utterance must save to be worth it, at least 0: what its radio, its wait
  /// and its privacy are worth.
  public var offloadPrice: Double
  /// Fewest utterances that a threshold must accept on the dev data.
  public var minimumAccepted: Int

  public init(offloadPrice: Double = 0.1, minimumAccepted: Int = 20) {
    self.offloadPrice = max(offloadPrice, 0)
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
    var entries = exits.enumerated().map { index, exit in
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
    addClasses(&entries, byExit, criterion: criterion)
    return entries
  }

  /// Counts where confidences lead, over all utterances and apart for those of each length that has curves of its own.
  private func addClasses(
    _ entries: inout [CalibrationEntry], _ byExit: [Int: [CalibrationSample]],
    criterion: ConfidenceCriterion
  ) {
    let fit = ConfidenceClassesFit(criterion: criterion)
    func classes(_ belongs: (Double) -> Bool) -> [ConfidenceClasses?] {
      fit.classes(
        entries.map { entry in
          (byExit[entry.exit] ?? []).compactMap { sample in
            let words =
              sample.seconds.flatMap { seconds in
                entry.words?.count(tokens: sample.tokens, seconds: seconds)
              } ?? Double(sample.referenceWords)
            guard belongs(words) else { return nil }
            return ConfidenceClassesFit.Sample(
              utterance: sample.utterance, confidence: sample.confidence, words: words,
              errors: Double(sample.wordErrors), edgeErrors: Double(sample.edgeWordErrors))
          }
        })
    }
    let all = classes { _ in true }
    let short = classes { $0 < CalibrationEntry.shortWords }
    let long = classes { $0 >= CalibrationEntry.shortWords }
    for index in entries.indices {
      entries[index].classes = all[index]
      entries[index].short?.classes = short[index]
      entries[index].long?.classes = long[index]
    }
  }

  private func entry(
    exit: Int, samples: [CalibrationSample], reaching: [CalibrationSample],
    next: [CalibrationSample], criterion: ConfidenceCriterion, manifest: String,
    isPart: Bool = false
  ) -> CalibrationEntry {
    let best = mostWorth(reaching, criterion: criterion)
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
    var entry = CalibrationEntry(
      exit: exit, afterBlock: samples.first?.afterBlock ?? 0, criterion: criterion,
      threshold: best?.threshold, offloadPrice: offloadPrice, manifest: manifest,
      utterances: samples.count, reached: reaching.count, accepted: best?.accepted ?? 0,
      acceptedErrorRate: best.map { Double($0.errors) / Double(max($0.words, 1)) },
      acceptedEdgeErrorRate: best.map { Double($0.edgeErrors) / Double(max($0.words, 1)) },
      errorRate: curve(\.wordErrors),
      nextExitErrorRate: curve { errorsAtNext[$0.utterance] },
      edgeErrorRate: curve(\.edgeWordErrors), meanErrorRate: rate(samples, \.wordErrors),
      meanEdgeErrorRate: rate(samples, \.edgeWordErrors),
      words: ExpectedWords(
        fitting: samples.compactMap { sample in
          guard let tokens = sample.tokens, let seconds = sample.seconds else { return nil }
          return .init(tokens: tokens, seconds: seconds, words: sample.referenceWords)
        }))
    if !isPart, let words = entry.words {
      func part(_ isShort: Bool) -> CalibrationCurves? {
        func belongs(_ sample: CalibrationSample) -> Bool {
          guard let seconds = sample.seconds else { return false }
          let count = words.count(tokens: sample.tokens, seconds: seconds)
          return (count < CalibrationEntry.shortWords) == isShort
        }
        let own = samples.filter(belongs)
        guard own.count >= Self.minimumOfLength else { return nil }
        let part = self.entry(
          exit: exit, samples: own, reaching: reaching.filter(belongs), next: next,
          criterion: criterion, manifest: manifest, isPart: true)
        // The threshold is the whole's.
        let accepted = reaching.filter { sample in
          belongs(sample)
            && entry.threshold.map { criterion.accepts(sample.confidence, threshold: $0) } ?? false
        }
        return CalibrationCurves(
          reached: part.reached, accepted: accepted.count,
          acceptedErrorRate: rate(accepted, \.wordErrors),
          acceptedEdgeErrorRate: rate(accepted, \.edgeWordErrors), errorRate: part.errorRate,
          nextExitErrorRate: part.nextExitErrorRate, edgeErrorRate: part.edgeErrorRate,
          meanErrorRate: part.meanErrorRate, meanEdgeErrorRate: part.meanEdgeErrorRate)
      }
      entry.short = part(true)
      entry.long = part(false)
    }
    return entry
  }

  /// Fewest utterances of one length that get curves of their own.
  static let minimumOfLength = 60

  private func rate(
    _ samples: [CalibrationSample], _ errors: (CalibrationSample) -> Int
  ) -> Double? {
    let words = samples.reduce(0) { $0 + $1.referenceWords }
    return words > 0 ? Double(samples.reduce(0) { $0 + errors($1) }) / Double(words) : nil
  }

  private struct Accepted {
    var threshold = 0.0
    var accepted = 0
    var errors = 0
    var edgeErrors = 0
    var words = 0
  }

  /// Walks from the surest utterance to the least sure and remembers where the sum was largest.
  private func mostWorth(
    _ samples: [CalibrationSample], criterion: ConfidenceCriterion
  ) -> Accepted? {
    let sorted =
      samples
      .filter { !$0.confidence.isNaN }
      .sorted { criterion.certainty($0.confidence) > criterion.certainty($1.confidence) }
    var running = Accepted()
    var best: Accepted?
    var bestWorth = 0.0
    for (index, sample) in sorted.enumerated() {
      running.threshold = sample.confidence
      running.accepted += 1
      running.errors += sample.wordErrors
      running.edgeErrors += sample.edgeWordErrors
      running.words += sample.referenceWords
      // Utterances of equal confidence are accepted together or not at all.
      let isLastOfTie =
        index + 1 == sorted.count || sorted[index + 1].confidence != sample.confidence
      // From whole counts, so that the order of the samples cannot change the sum's last bits.
      let worth =
        Double(running.edgeErrors - running.errors) + offloadPrice * Double(running.accepted)
      if isLastOfTie, running.accepted >= minimumAccepted, worth >= bestWorth {
        best = running
        bestWorth = worth
      }
    }
    return best
  }
}
