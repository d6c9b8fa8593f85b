import Conformer

/// What a search asked the predictor before: few histories come up again and again.
struct PredictorCache {
  /// Then it starts anew, so that no input makes it grow without bound.
  static let maximumHistories = 4_096

  private let transducer: Transducer
  private var predictions: [[Int]: [Float]] = [:]
  private var expectations: [[Int]: [Float]] = [:]

  init(transducer: Transducer) { self.transducer = transducer }

  /// `[joiner]` after a history.
  mutating func prediction(_ history: [Int]) -> [Float] {
    if let known = predictions[history] { return known }
    if predictions.count >= Self.maximumHistories { predictions.removeAll() }
    let made = transducer.predict(history)
    predictions[history] = made
    return made
  }

  /// `[V]` of the internal language model after a history.
  mutating func internalLanguageModel(_ history: [Int]) -> [Float] {
    if let known = expectations[history] { return known }
    if expectations.count >= Self.maximumHistories { expectations.removeAll() }
    let made = transducer.internalLanguageModel(prediction(history))
    expectations[history] = made
    return made
  }
}
