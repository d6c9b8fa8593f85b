import Offload

/// What could have been done at best.
///
/// Both oracles know the link's rate and the edge's background queue to come. The clairvoyant one also knows every transcript's
/// errors: no strategy that chooses among the same actions on the same utterance can do better. The informed one
/// expects the errors that the policies' own calibration expects, and learns no sooner than a device what an exit's confidence
/// is: by dynamic programming over exits and classes of confidence it does what costs least in that expectation.
enum Oracle: Sendable {
  case clairvoyant
  case informed(ErrorExpectations)

  /// - Parameter alternatives: every action, with what would truly come of it.
  func choose(
    _ alternatives: [OracleAlternative], utterance: ProfiledUtterance, costs: CostModel,
    shape: ModelShape
  ) -> UtteranceResult {
    switch self {
    case .clairvoyant:
      var best = alternatives[0].result
      for alternative in alternatives.dropFirst()
      where alternative.result.cost.total < best.cost.total {
        best = alternative.result
      }
      return best
    case .informed(let expectations):
      return InformedChoice(
        alternatives, exits: shape.exits, utterance: utterance, expectations: expectations,
        word: costs.weights.wordError
      ).result
    }
  }
}

/// What the informed oracle does with one utterance.
private struct InformedChoice {
  /// The cheapest way of one kind at a place, and what it costs but for errors.
  private struct Way {
    var cost: Double
    var result: UtteranceResult
  }

  private let exits: [ModelShape.ExitPoint]
  private let utterance: ProfiledUtterance
  private let expectations: ErrorExpectations
  private let word: Double
  /// By exits seen: stopping there, nil where the deadline would strike before it; and offloading from there.
  private var stops: [Way?]
  private var offloads: [Way?]
  /// For a calibration that knows nothing, where nothing is in time.
  private let fallback: UtteranceResult

  init(
    _ alternatives: [OracleAlternative], exits: [ModelShape.ExitPoint],
    utterance: ProfiledUtterance, expectations: ErrorExpectations, word: Double
  ) {
    self.exits = exits
    self.utterance = utterance
    self.expectations = expectations
    self.word = word
    fallback = alternatives[alternatives.count - 1].result
    stops = Array(repeating: nil, count: exits.count + 1)
    offloads = stops
    // An offload that is not answered is worse than the stop that it ends in: it is left out.
    for alternative in alternatives where alternative.result.failure == nil {
      let result = alternative.result
      let way = Way(
        cost: result.cost.total - Double(result.wordErrors) * word, result: result)
      let seen = alternative.exitsSeen
      if alternative.edge != nil {
        // Whatever the layer and codec: of the edge's errors a calibration knows one rate.
        if way.cost < offloads[seen]?.cost ?? .infinity { offloads[seen] = way }
      } else if result.origin == .exit(exits[seen - 1].exit) {
        stops[seen] = way
      }
    }
  }

  var result: UtteranceResult {
    for seen in 0...exits.count {
      if let end = end(after: seen) { return end }
    }
    return fallback
  }

  /// How it ends once so many exits are seen; nil if it goes on.
  private func end(after seen: Int) -> UtteranceResult? {
    let latest = seen == 0 ? nil : utterance.exits[seen - 1].evidence
    let words = expectations.words(
      after: latest, firstExit: exits[0].exit, seconds: utterance.seconds)
    let reachable = (seen + 1..<max(seen + 1, exits.count + 1)).prefix { stops[$0] != nil }
    guard
      let chain = expectations.chain(
        after: latest, exits: reachable.map { exits[$0 - 1].exit }, words: words)
    else { return stops[seen]?.result ?? offloads[seen]?.result }
    let word = word * words
    var best: (cost: Double, result: UtteranceResult?) = (.infinity, nil)
    if let stop = stops[seen], let rate = chain.now {
      best = (stop.cost + rate * word, stop.result)
    }
    if let offload = offloads[seen] {
      let cost = offload.cost + chain.edge * word
      if cost < best.cost { best = (cost, offload.result) }
    }
    guard !reachable.isEmpty else { return best.result }
    let stages = reachable.map { place in
      let here = stops[place]?.cost ?? .infinity
      return ExitValues.Stage(
        exit: chain.exits[place - seen - 1], step: here - (stops[place - 1]?.cost ?? 0),
        offload: offloads[place].map { .init(cost: $0.cost - here, inTime: 1) })
    }
    let later =
      (stops[seen + 1]?.cost ?? .infinity)
      + ExitValues.expectation(ExitValues(stages, word: word).values, after: chain.row)
    return best.cost <= later ? best.result : nil
  }
}
