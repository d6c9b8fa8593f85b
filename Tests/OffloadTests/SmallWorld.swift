import Foundation
import Offload

/// One device, one link, one edge and utterances of random difficulty: just enough world to see a policy learn,
/// spend and pay. Whatever a policy is not told (the true link and wait) stands in here.
struct SmallWorld {
  /// What link and edge are really like.
  struct Truth {
    /// Uplink, bits/s.
    var bandwidth: Double
    /// Seconds.
    var roundTrip: Double
    /// Mean wait at the edge, seconds.
    var wait: Double
  }

  /// What an utterance came to.
  struct Result {
    var outcome: Outcome
    /// Cost units.
    var cost: Double
    var wasOffloaded: Bool
  }

  static let good = Truth(bandwidth: 2e6, roundTrip: 0.05, wait: 0.05)
  static let bad = Truth(bandwidth: 30e3, roundTrip: 0.4, wait: 1)

  /// Entropies fall from exit to exit, and errors with them; the edge makes four tenths of the first exit's.
  static let calibration: Calibration = {
    let limits = [0.01, 0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1]
    func curve(_ factor: Double) -> ErrorRateCurve {
      ErrorRateCurve(steps: limits.map { .init(limit: $0, errorRate: 0.6 * $0 * factor) })
    }
    return Calibration(
      entries: (1...4).map { exit in
        CalibrationEntry(
          exit: exit, afterBlock: 2 * exit, criterion: .frameEntropy, threshold: 0.2,
          reached: 100, accepted: 40, acceptedErrorRate: 0.03, acceptedEdgeErrorRate: 0.02,
          errorRate: curve(1), nextExitErrorRate: exit < 4 ? curve(0.85) : .empty,
          edgeErrorRate: curve(0.4))
      })
  }()

  static func settings(
    budget: Budget? = nil, bandit: BanditSettings = BanditSettings(), seed: UInt64 = 1,
    damped: DampedChoice = DampedChoice()
  ) -> PolicySettings {
    PolicySettings(
      costs: CostPredictor(model: .standard, deviceClass: .singleBoard), calibration: calibration,
      budget: budget, bandit: bandit, dampedChoice: damped, seed: seed)
  }

  var truth: Truth
  var generator: SplitMix
  /// What the policy is told of the link: fixed, so that only a policy that learns can know better.
  var told = LinkEstimate(
    connectivity: .connected, bandwidth: nil, roundTrip: nil, sampleCount: 0, age: nil)
  var toldWait = 0.05
  var time = 0.0
  private var count: UInt64 = 0
  private let predictor = CostPredictor(model: .standard, deviceClass: .singleBoard)

  init(_ truth: Truth, seed: UInt64) {
    self.truth = truth
    generator = SplitMix(seed: seed)
  }

  /// One utterance from its end to its answer, as a device would do it.
  mutating func next(_ policy: any Policy, pause: Double = 10) -> Result {
    time += pause
    count += 1
    let learner = policy as? any LearningPolicy
    let seconds = Double.random(in: 1...6, using: &generator)
    let hardness = Double.random(in: 0...1, using: &generator)
    let draw = UInt32.random(in: 0...UInt32.max, using: &generator)
    let noise = Double.random(in: 0.8...1.2, using: &generator)
    let wait = -truth.wait * log(1 - Double.random(in: 0..<1, using: &generator))
    var decisions: [Decision] = []
    var exits: [ExitEvidence] = []
    var elapsed = 0.0
    while true {
      let evidence = Evidence(
        model: Fixtures.shape, exits: exits, utteranceSeconds: seconds,
        deadlineRemaining: 2 - elapsed, link: told,
        edge: EdgeEstimate(expectedWait: toldWait, age: 1, price: 0), options: Fixtures.options,
        time: time, draw: draw)
      var decision = policy.decide(evidence)
      if let learner, decision.action != .nextExit {
        var permission = learner.begin(decision, utterance: count, at: time)
        while permission == .refused {
          decision = policy.decide(evidence)
          permission = learner.begin(decision, utterance: count, at: time)
        }
      }
      decisions.append(decision)
      let cost = decision.predictedCost!
      if decision.action == .nextExit {
        elapsed += cost.latency
        let number = exits.count + 1
        exits.append(Fixtures.exit(number, entropy: hardness * pow(0.85, Double(number - 1))))
        continue
      }
      let answer = finish(decision, evidence, elapsed: elapsed, noise: noise, wait: wait)
      time += answer.latency
      let outcome = Outcome(
        utterance: count, time: time, decisions: decisions, offloadSeconds: answer.offloadSeconds,
        answeredByEdge: answer.byEdge, bytes: answer.bytes, radioEnergy: answer.joules)
      learner?.observe(outcome)
      let latest = exits.last?.exit ?? 1
      let rate = hardness * 0.6 * pow(0.85, Double(answer.byEdge ? 0 : latest - 1))
      let errors = rate * (answer.byEdge ? 0.4 : 1) * 2.5 * seconds
      let weights = CostModel.standard.weights
      let total =
        answer.latency * weights.latencySecond + answer.bytes * 1e-6 * weights.megabyte
        + answer.joules * weights.joule + errors * weights.wordError
      return Result(outcome: outcome, cost: total, wasOffloaded: decision.action.isOffload)
    }
  }

  private struct Answer {
    var latency: Double
    var offloadSeconds: Double?
    var byEdge = false
    var bytes = 0.0
    var joules = 0.0
  }

  private func finish(
    _ decision: Decision, _ evidence: Evidence, elapsed: Double, noise: Double, wait: Double
  ) -> Answer {
    guard decision.action.isOffload, let cost = decision.predictedCost else {
      return Answer(latency: elapsed)
    }
    let bits = (cost.bytes - CostModel.standard.answerBytes) * 8
    let model = CostModel.standard
    let known =
      bits / (told.bandwidth?.median ?? model.assumedBandwidth)
      + (told.roundTrip?.median ?? model.assumedRoundTrip) + toldWait
    let device = cost.latency - known
    let took = device + bits / truth.bandwidth * noise + truth.roundTrip * noise + wait
    let allowed = evidence.deadlineRemaining
    return Answer(
      latency: elapsed + min(took, allowed), offloadSeconds: min(took, allowed),
      byEdge: took <= allowed, bytes: took <= allowed ? cost.bytes : cost.bytes * allowed / took,
      joules: cost.energy)
  }
}
