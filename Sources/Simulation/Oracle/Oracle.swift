import Offload

/// What could have been done at best.
///
/// Both oracles know the link's rate and the edge's background queue to come. The clairvoyant one also knows every transcript's
/// errors: no strategy that chooses among the same actions on the same utterance can do better. The informed one
/// knows of errors only what a device could know, the confidences of the exits that it has computed, and does
/// the best that can be done on average: by dynamic programming over exits and classes of confidence.
enum Oracle: Sendable {
  case clairvoyant
  case informed(ExpectedErrors)

  /// - Parameter alternatives: every action, with what would truly come of it.
  func choose(
    _ alternatives: [OracleAlternative], utterance: ProfiledUtterance, costs: CostModel,
    exits: Int
  ) -> UtteranceResult {
    switch self {
    case .clairvoyant:
      var best = alternatives[0].result
      for alternative in alternatives.dropFirst()
      where alternative.result.cost.total < best.cost.total {
        best = alternative.result
      }
      return best
    case .informed(let model):
      return informed(alternatives, model, utterance, costs, exits: exits)
    }
  }

  private func informed(
    _ alternatives: [OracleAlternative], _ model: ExpectedErrors, _ utterance: ProfiledUtterance,
    _ costs: CostModel, exits: Int
  ) -> UtteranceResult {
    let weight = costs.weights.wordError
    let words = (0...exits).map { model.words(utterance, exit: $0) }
    // An offload that is not answered is worse than the stop that it ends in: it is left out.
    let usable = alternatives.filter { $0.result.failure == nil }
    // Of the same layer and codec only the cheapest beginning: their errors are the same.
    let byExits = (0...exits).map { seen in
      var cheapest: [OracleAlternative.Edge?: OracleAlternative] = [:]
      var order: [OracleAlternative.Edge?] = []
      for alternative in usable where alternative.exitsSeen == seen {
        guard let known = cheapest[alternative.edge] else {
          cheapest[alternative.edge] = alternative
          order.append(alternative.edge)
          continue
        }
        if alternative.result.cost.total < known.result.cost.total {
          cheapest[alternative.edge] = alternative
        }
      }
      return order.compactMap { cheapest[$0] }
    }

    func expected(_ alternative: OracleAlternative, place: Int) -> Double {
      let known = alternative.result.cost.total - Double(alternative.result.wordErrors) * weight
      let rate =
        alternative.edge.map { model.edge[alternative.exitsSeen][place][$0] ?? 0 }
        ?? model.exit[alternative.exitsSeen][place]
      return known + rate * words[alternative.exitsSeen] * weight
    }
    func best(_ seen: Int, place: Int) -> (cost: Double, result: UtteranceResult?) {
      var best: (cost: Double, result: UtteranceResult?) = (.infinity, nil)
      for alternative in byExits[seen] {
        let cost = expected(alternative, place: place)
        if cost < best.cost { best = (cost, alternative.result) }
      }
      return best
    }
    // From the last exit back: the cost to expect in every class, and whether to end there.
    var value = model.exit[exits].indices.map { best(exits, place: $0).cost }
    var ends = [Array(repeating: true, count: value.count)]
    for seen in stride(from: exits - 1, through: 0, by: -1) {
      var values: [Double] = []
      var endsHere: [Bool] = []
      for place in model.next[seen].indices {
        let here = best(seen, place: place).cost
        let later = zip(model.next[seen][place], value).reduce(0.0) {
          // An impossible class may cost infinitely much.
          $1.0 > 0 ? $0 + $1.0 * $1.1 : $0
        }
        values.append(min(here, later))
        endsHere.append(here <= later)
      }
      value = values
      ends.insert(endsHere, at: 0)
    }
    for seen in 0...exits {
      let place = model.place(utterance, exit: seen)
      if ends[seen][place], let result = best(seen, place: place).result { return result }
    }
    return usable[usable.count - 1].result
  }
}
