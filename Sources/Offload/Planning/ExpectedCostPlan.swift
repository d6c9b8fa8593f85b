/// The expected cost J of every action that is possible now, in the cost units of Config/costs.yaml.
///
/// The idea of Neurosurgeon (Kang et al., ASPLOS 2017, section 5: predict latency and energy for every split,
/// take the best) and SPINN (Laskaridis et al., MobiCom 2020, section 4: exits and split chosen together under
/// changing conditions), with expected word errors as part of the cost.
///
/// - Stopping costs the exit's expected errors.
/// - Offloading costs time, energy, bytes and server time, with the edge's errors if it is back by the
///   deadline and the device's own if it is not (the hedge).
/// - Going on costs the next blocks, then the cheapest of what can be done there: stop, offload, or go on to
///   an exit beyond, by dynamic programming over classes of confidence (`ExitValues`). Where the calibration holds
///   no classes, the next exit is sure or unsure with the share that was counted, and beyond it expectations stand
///   in for distributions (open-loop feedback control: Bertsekas, Dynamic Programming and Optimal Control, volume 1).
struct ExpectedCostPlan: Sendable {
  /// What a policy charges on top, in cost units.
  struct Prices {
    var byte = 0.0
    var radioJoule = 0.0
  }

  let costs: CostPredictor
  private let criterion: ConfidenceCriterion
  private let expectations: ErrorExpectations
  private typealias Length = ErrorExpectations.Length

  init(_ settings: PolicySettings) {
    costs = settings.costs
    criterion = settings.criterion
    expectations = settings.expectations
  }

  func predictions(_ evidence: Evidence) -> [Decision.Prediction] {
    costs.predictions(evidence, expectations: expectations)
  }

  /// The same with the answer times that link and edge let one expect.
  func values(
    _ evidence: Evidence, _ predictions: [Decision.Prediction], prices: Prices = Prices()
  ) -> [Double] {
    values(evidence, predictions, prices: prices) { cost in
      AnswerTimes(
        costs.parts(ofOffload: cost, link: evidence.link, edge: evidence.edge),
        link: evidence.link, edge: evidence.edge, model: costs.model)
    }
  }

  /// J of the best action, if so many blocks had been computed while the user spoke.
  func leastCost(
    _ evidence: Evidence, keepingUpTo blocks: Int, prices: Prices = Prices()
  ) -> Double {
    var evidence = evidence
    evidence.streamed?.blocksDone = blocks
    return values(evidence, predictions(evidence), prices: prices).min() ?? .infinity
  }

  /// J of every prediction's action; infinite for what cannot be done or is not calibrated.
  /// - Parameter answerTimes: when an offload's answer is back, from its predicted cost.
  func values(
    _ evidence: Evidence, _ predictions: [Decision.Prediction], prices: Prices = Prices(),
    answerTimes: (PredictedCost) -> AnswerTimes
  ) -> [Double] {
    let words = expectations.words(evidence)
    let length = expectations.length(words)
    let outlook = outlook(evidence, length)
    let word = costs.model.weights.wordError * words
    let isOffloadPossible =
      evidence.link.connectivity != .disconnected && outlook.edge != nil
    // Without classes expectations stand in for distributions.
    if let chain = expectations.chain(
      after: evidence.exits.last, exits: outlook.reaches.map(\.exit.exit), words: words)
    {
      return values(
        evidence, predictions, chain, outlook, word: word, prices: prices,
        isOffloadPossible: isOffloadPossible, answerTimes: answerTimes)
    }
    var values = Array(repeating: Double.infinity, count: predictions.count)
    var nextIndex: Int?
    var offloads = OffloadFloor()
    for (index, prediction) in predictions.enumerated() {
      switch prediction.action {
      case .stop(let exit):
        guard exit == evidence.exits.last?.exit else { continue }
        // An exit of which nothing is known is never trusted, unless it is all there is.
        if let rate = outlook.now {
          values[index] = rate * word
        } else if outlook.reaches.isEmpty {
          values[index] = word
        }
      case .nextExit:
        nextIndex = index
      case .offload(let layer, _, _):
        guard isOffloadPossible, let edge = outlook.edge else { continue }
        let value = offloadValue(
          prediction.cost, evidence, answerTimes(prediction.cost), edge: edge,
          fallback: outlook.fallback ?? edge, word: word, prices: prices)
        values[index] = value
        offloads.add(value, layer: layer, nextBlock: evidence.nextExit?.afterBlock)
      }
    }
    if let nextIndex, !outlook.reaches.isEmpty {
      values[nextIndex] = goOnValue(outlook, offloads, length, word: word)
    }
    return values
  }

  /// An offload as it is from a place on the way, without what computing up to there costs.
  private struct BareOffload {
    var cost: PredictedCost
    var times: AnswerTimes
    /// Of computing the layer's features.
    var deviceSeconds: Double
  }

  private func values(
    _ evidence: Evidence, _ predictions: [Decision.Prediction], _ chain: ErrorExpectations.Chain,
    _ outlook: LocalOutlook, word: Double, prices: Prices, isOffloadPossible: Bool,
    answerTimes: (PredictedCost) -> AnswerTimes
  ) -> [Double] {
    let weights = costs.model.weights
    let last = outlook.reaches.last
    var values = Array(repeating: Double.infinity, count: predictions.count)
    var nextIndex: Int?
    var bare: BareOffload?
    var cheapest = Double.infinity
    var offloads: [(index: Int, known: ExitValues.Offload)] = []
    for (index, prediction) in predictions.enumerated() {
      switch prediction.action {
      case .stop(let exit):
        guard exit == evidence.exits.last?.exit, let now = chain.now else { continue }
        values[index] = now * word
      case .nextExit:
        nextIndex = index
      case .offload:
        guard isOffloadPossible else { continue }
        let times = answerTimes(prediction.cost)
        let known = offload(
          prediction.cost, evidence, times, after: 0,
          hedge: (last?.seconds ?? 0, last?.joules ?? 0),
          prices: prices)
        offloads.append((index, known))
        if known.cost < cheapest {
          cheapest = known.cost
          bare = BareOffload(
            cost: prediction.cost, times: times,
            deviceSeconds: costs.parts(
              ofOffload: prediction.cost, link: evidence.link, edge: evidence.edge
            ).deviceSeconds)
        }
      }
    }
    if var bare {
      bare.times.tenth -= bare.deviceSeconds
      bare.times.median -= bare.deviceSeconds
      bare.times.ninetieth -= bare.deviceSeconds
      bare.cost.energy = max(
        0, bare.cost.energy - costs.joules(computingFor: bare.deviceSeconds, evidence))
    }
    var seconds = 0.0
    var joules = 0.0
    var stages: [ExitValues.Stage] = []
    stages.reserveCapacity(chain.exits.count)
    for (reach, exit) in zip(outlook.reaches, chain.exits) {
      stages.append(
        ExitValues.Stage(
          exit: exit,
          step: (reach.seconds - seconds) * weights.latencySecond
            + (reach.joules - joules) * weights.joule,
          offload: bare.map {
            offload(
              $0.cost, evidence, $0.times, after: reach.seconds,
              hedge: ((last?.seconds ?? 0) - reach.seconds, (last?.joules ?? 0) - reach.joules),
              prices: prices)
          }))
      (seconds, joules) = (reach.seconds, reach.joules)
    }
    var fallback = chain.now ?? chain.edge
    if !stages.isEmpty {
      let exits = ExitValues(stages, word: word)
      fallback = ExitValues.expectation(exits.fallbackRates, after: chain.row)
      if let nextIndex {
        values[nextIndex] =
          stages[0].step + ExitValues.expectation(exits.values, after: chain.row)
      }
    }
    for (index, known) in offloads {
      values[index] =
        known.cost + (known.inTime * chain.edge + (1 - known.inTime) * fallback) * word
    }
    return values
  }

  /// What an offload costs but for errors.
  /// - Parameters:
  ///   - delay: seconds from now after which it begins; its own times count from then.
  ///   - hedge: seconds and joules of what the device computes meanwhile, until there is an answer.
  private func offload(
    _ cost: PredictedCost, _ evidence: Evidence, _ times: AnswerTimes, after delay: Double,
    hedge: (seconds: Double, joules: Double), prices: Prices
  ) -> ExitValues.Offload {
    let weights = costs.model.weights
    let deadline = max(0, evidence.deadlineRemaining - delay)
    var (seconds, inTime) = times.expectation(deadline: deadline)
    // Now and then nothing gets through at all; not now, if the edge has just acknowledged something.
    if let silence = evidence.link.silence, (evidence.streamed?.sent?.frames ?? 0) <= 0 {
      seconds += silence * (deadline - seconds)
      inTime *= 1 - silence
    }
    let hedged = hedge.seconds > 0 ? min(1, seconds / hedge.seconds) * hedge.joules : 0
    return ExitValues.Offload(
      cost: seconds * weights.latencySecond + cost.energy * (weights.joule + prices.radioJoule)
        + hedged * weights.joule + cost.bytes * (1e-6 * weights.megabyte + prices.byte)
        + cost.serverSeconds * (weights.serverSecond + evidence.edge.price),
      inTime: inTime)
  }

  /// The cheapest offloads: from where the device stands, and from the next exit on.
  private struct OffloadFloor {
    var shallow = Double.infinity
    var deep = Double.infinity

    mutating func add(_ value: Double, layer: Int, nextBlock: Int?) {
      if let nextBlock, layer >= nextBlock {
        deep = min(deep, value)
      } else {
        shallow = min(shallow, value)
      }
    }
  }

  private func offloadValue(
    _ cost: PredictedCost, _ evidence: Evidence, _ times: AnswerTimes, edge: Double,
    fallback: Double, word: Double, prices: Prices
  ) -> Double {
    let weights = costs.model.weights
    var (seconds, inTime) = times.expectation(deadline: evidence.deadlineRemaining)
    // Now and then nothing gets through at all; not now, if the edge has just acknowledged something.
    if let silence = evidence.link.silence, (evidence.streamed?.sent?.frames ?? 0) <= 0 {
      seconds += silence * (max(evidence.deadlineRemaining, 0) - seconds)
      inTime *= 1 - silence
    }
    let errors = inTime * edge + (1 - inTime) * fallback
    return seconds * weights.latencySecond + cost.energy * (weights.joule + prices.radioJoule)
      + cost.bytes * (1e-6 * weights.megabyte + prices.byte)
      + cost.serverSeconds * (weights.serverSecond + evidence.edge.price) + errors * word
  }

  private func goOnValue(
    _ outlook: LocalOutlook, _ offloads: OffloadFloor, _ length: Length, word: Double
  ) -> Double {
    let weights = costs.model.weights
    let next = outlook.reaches[0]
    let step = next.seconds * weights.latencySecond + next.joules * weights.joule
    // Offloads of deeper layers hold the cost of computing them already.
    let offload = min(offloads.shallow, offloads.deep - step)
    guard let rate = next.errorRate else {
      // Nothing is known of the next exit: go there all the same if it is the only way to a transcript.
      return offload.isFinite ? step + offload : step + word
    }
    let entry = length.exit(next.exit.exit)?.entry
    func best(_ rate: Double, edge: Double?) -> Double {
      var best = min(rate * word, offload + ((edge ?? 0) - (outlook.edge ?? 0)) * word)
      var beyond: Double? = rate
      for (previous, reach) in zip(outlook.reaches, outlook.reaches.dropFirst()) {
        guard let known = beyond else { break }
        beyond = self.rate(after: previous.exit.exit, from: known, to: reach.exit.exit, length)
        guard let beyond else { break }
        let cost =
          (reach.seconds - next.seconds) * weights.latencySecond
          + (reach.joules - next.joules) * weights.joule
        best = min(best, cost + beyond * word)
      }
      return best
    }
    if let entry, let accepted = entry.acceptedErrorRate, entry.reached > 0, accepted < rate {
      let share = Double(entry.accepted) / Double(entry.reached)
      if share > 0, share < 1 {
        let edge = outlook.edge ?? 0
        let sureEdge = min(entry.acceptedEdgeErrorRate ?? edge, edge)
        let unsure = max(accepted, (rate - share * accepted) / (1 - share))
        let unsureEdge = (edge - share * sureEdge) / (1 - share)
        return step + share * best(accepted, edge: sureEdge)
          + (1 - share) * best(unsure, edge: unsureEdge)
      }
    }
    return step + best(rate, edge: outlook.edge)
  }

  /// What is to be expected of the exits to come and of the edge.
  private func outlook(_ evidence: Evidence, _ length: Length) -> LocalOutlook {
    let latest = evidence.exits.last
    let fitted = latest.flatMap { length.exit($0.exit) }
    var outlook = LocalOutlook(now: nil, edge: nil, reaches: [])
    var previousExit = latest?.exit
    var rate: Double?
    if let latest {
      let confidence = latest.confidence(criterion)
      outlook.now = fitted?.entry.errorRate.errorRate(at: confidence, criterion: criterion)
      outlook.edge =
        fitted?.entry.edgeErrorRate.errorRate(at: confidence, criterion: criterion)
        ?? evidence.nextExit.flatMap { length.exit($0.exit) }?.meanEdgeErrorRate
      rate = fitted?.entry.nextExitErrorRate.errorRate(at: confidence, criterion: criterion)
    } else {
      outlook.edge = evidence.nextExit.flatMap { length.exit($0.exit) }?.meanEdgeErrorRate
    }
    for exit in evidence.model.exits where exit.exit > (latest?.exit ?? 0) {
      let work = costs.localWork(evidence, to: exit)
      let isNeeded = latest == nil && outlook.reaches.isEmpty
      guard isNeeded || work.seconds <= evidence.deadlineRemaining else { break }
      if !outlook.reaches.isEmpty || latest == nil {
        rate =
          previousExit.flatMap { previous in
            rate.flatMap { self.rate(after: previous, from: $0, to: exit.exit, length) }
          } ?? length.exit(exit.exit)?.meanErrorRate ?? rate
      } else if rate == nil {
        rate = length.exit(exit.exit)?.meanErrorRate ?? outlook.now
      }
      outlook.reaches.append(
        .init(exit: exit, seconds: work.seconds, joules: work.joules, errorRate: rate))
      previousExit = exit.exit
    }
    return outlook
  }

  /// The error rate to expect one exit further, where `rate` is to be expected at `exit`: the curves are
  /// read at the confidence that has this rate.
  private func rate(after exit: Int, from rate: Double, to next: Int, _ length: Length) -> Double? {
    guard let entry = length.exit(exit)?.entry, let last = entry.errorRate.steps.last else {
      return nil
    }
    let step = entry.errorRate.steps.first { $0.errorRate >= rate } ?? last
    return entry.nextExitErrorRate.errorRate(at: step.limit, criterion: criterion)
  }
}
