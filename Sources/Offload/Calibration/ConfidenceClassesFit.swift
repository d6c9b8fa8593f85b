/// Counts `ConfidenceClasses` on dev utterances.
struct ConfidenceClassesFit {
  /// Fewest utterances in a class, and most classes.
  static let minimumInClass = 40
  static let mostClasses = 12
  /// Utterances' worth of belief that a class leads where all lead.
  static let prior = 2.0

  /// One utterance at one exit.
  struct Sample {
    var utterance: String
    var confidence: Double
    var words: Double
    var errors: Double
    var edgeErrors: Double
  }

  let criterion: ConfidenceCriterion

  /// - Parameter exits: samples by exit, in order.
  /// - Returns: classes by exit; nil where there are too few samples.
  func classes(_ exits: [[Sample]]) -> [ConfidenceClasses?] {
    var classes = exits.map { limits($0).map { counted(exits: $0.samples, $0.limits) } }
    for index in classes.indices.dropLast() {
      guard let own = classes[index], let following = classes[index + 1] else { continue }
      let later = Dictionary(
        exits[index + 1].map { ($0.utterance, $0.confidence) }, uniquingKeysWith: { $1 })
      var counts = Array(
        repeating: following.share.map { $0 * Self.prior }, count: own.count)
      for sample in exits[index] where !sample.confidence.isNaN {
        guard let confidence = later[sample.utterance], !confidence.isNaN else { continue }
        counts[own.place(sample.confidence, criterion: criterion)][
          following.place(confidence, criterion: criterion)] += 1
      }
      classes[index]?.next = counts.map { row in
        let sum = row.reduce(0, +)
        return row.map { $0 / sum }
      }
    }
    // Half a chain is of no use.
    return classes.allSatisfy({ $0 != nil }) ? classes : classes.map { _ in nil }
  }

  private func limits(_ samples: [Sample]) -> (samples: [Sample], limits: [Double])? {
    let sorted =
      samples.filter { !$0.confidence.isNaN }
      .sorted { criterion.certainty($0.confidence) < criterion.certainty($1.confidence) }
    let count = min(Self.mostClasses, sorted.count / Self.minimumInClass)
    guard count >= 2 else { return nil }
    var limits: [Double] = []
    for place in 1..<count {
      let limit = sorted[place * sorted.count / count].confidence
      // Equal confidences cannot be told apart.
      let isSurer =
        limits.last.map { criterion.certainty($0) < criterion.certainty(limit) }
        ?? (criterion.certainty(sorted[0].confidence) < criterion.certainty(limit))
      if isSurer { limits.append(limit) }
    }
    return limits.isEmpty ? nil : (sorted, limits)
  }

  private func counted(exits samples: [Sample], _ limits: [Double]) -> ConfidenceClasses {
    var classes = ConfidenceClasses(
      limits: limits, share: [], errorRate: [], edgeErrorRate: [])
    let count = limits.count + 1
    var numbers = Array(repeating: 0.0, count: count)
    var words = numbers
    var own = numbers
    var edge = numbers
    classes.errors = line(samples, \.errors)
    classes.edgeErrors = line(samples, \.edgeErrors)
    for sample in samples {
      let place = classes.place(sample.confidence, criterion: criterion)
      func errors(_ line: ErrorRateLine?, _ counted: Double) -> Double {
        line.map { $0.errorRate(at: sample.confidence, criterion: criterion) * sample.words }
          ?? counted
      }
      numbers[place] += 1
      words[place] += sample.words
      own[place] += errors(classes.errors, sample.errors)
      edge[place] += errors(classes.edgeErrors, sample.edgeErrors)
    }
    classes.share = numbers.map { $0 / Double(samples.count) }
    classes.errorRate = zip(own, words).map { $0 / $1 }
    classes.edgeErrorRate = zip(edge, words).map { $0 / $1 }
    return classes
  }

  private func line(_ samples: [Sample], _ errors: KeyPath<Sample, Double>) -> ErrorRateLine? {
    ErrorRateLine(
      fitting: samples.map {
        .init(confidence: $0.confidence, rate: $0[keyPath: errors] / $0.words, words: $0.words)
      }, criterion: criterion)
  }
}
