import Offload

/// One device: what it is, what it knows, and its connection.
struct SimulatedDevice {
  /// What the network will have told the device by some time.
  enum Observation: Sendable {
    case connected(roundTrip: Double)
    case disconnected
    case probed
    case accepted(roundTrip: Double, wait: Double)
    case acknowledged(bytes: Int, seconds: Double, roundTrip: Double)
    case stalled(bytes: Int, seconds: Double)
  }

  let number: Int
  let deviceClass: DeviceClass
  /// Operations/s.
  let speed: Double
  let costs: CostPredictor
  /// nil: the strategy needs none.
  let policy: (any Policy)?
  let link: SimulatedLink
  var linkEstimator = LinkEstimator()
  var edgeEstimator = EdgeEstimator()
  var linkState = LinkState()
  /// nil without a policy: nobody asks.
  var signOfLife: SignOfLife?
  /// The attempt to connect that is under way: what will come of it, and when, is settled by the link.
  var attempt: (until: Double, succeeds: Bool)?
  /// Since when the connection stands, for crashes that happened since.
  var connectedSince = 0.0
  /// When the connection is given up because a question for a sign of life was not answered; nil: it is not.
  var silentAt: Double?
  /// As the device measures it; nil before it has.
  var measuredSpeed: Double?
  var arrivals: SeededGenerator
  var utterances = 0
  /// Times that its policy was asked what to do with an utterance that was over.
  var decisions = 0
  /// When the user stopped speaking, the last time and the next.
  var wanted = 0.0
  /// The utterance that is being spoken, from its beginning to its end.
  var listening: Listening?
  /// What a policy that learns decided on the utterance under way, and when; nil for other policies.
  var learning: (decisions: [Decision], at: Double)?
  /// Joules drawn so far.
  var energy = 0.0
  private var pending: [(time: Double, observation: Observation)] = []

  init(
    number: Int, deviceClass: DeviceClass, speed: Double, costs: CostPredictor,
    policy: (any Policy)?, link: SimulatedLink, arrivals: SeededGenerator
  ) {
    self.number = number
    self.deviceClass = deviceClass
    self.speed = speed
    self.costs = costs
    self.policy = policy
    signOfLife = policy.map { SignOfLife(policy: $0, costs: costs) }
    self.link = link
    self.arrivals = arrivals
  }

  mutating func expect(_ observation: Observation, at time: Double) {
    pending.append((time, observation))
  }

  /// Gives up on what would have come after `time`: the stream was cancelled.
  mutating func forget(after time: Double) {
    pending.removeAll { $0.time > time }
  }

  /// Brings what the device knows up to `time`.
  /// - Parameters:
  ///   - crashes: of the edge; a connection does not survive one.
  ///   - jitter: draws a number from 0 to 1.
  mutating func settle(at time: Double, crashes: Outages, jitter: () -> Double) {
    if let attempt, attempt.until <= time {
      self.attempt = nil
      if attempt.succeeds {
        linkState.succeeded()
        connectedSince = attempt.until
      } else {
        linkState.failed(at: attempt.until, jitter: jitter())
        pending.append((attempt.until, .disconnected))
      }
    }
    if linkState.phase == .connected, let crash = crashes.next(at: connectedSince),
      crash.lowerBound <= time
    {
      // A connection that worked and broke waits for nothing: no jitter is drawn.
      linkState.failed(at: crash.lowerBound, jitter: 0)
      pending.append((crash.lowerBound, .disconnected))
    }
    if let silent = silentAt, silent <= time {
      silentAt = nil
      if linkState.phase == .connected, connectedSince < silent {
        linkState.failed(at: silent, jitter: 0)
        pending.append((silent, .disconnected))
      }
    }
    guard !pending.isEmpty else { return }
    if pending.count > 1 {
      // Stable: what was expected first of two that come together is told first.
      pending = pending.enumerated().sorted {
        ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
      }.map(\.element)
    }
    var told = 0
    while told < pending.count, pending[told].time <= time {
      tell(pending[told].observation, at: pending[told].time)
      told += 1
    }
    pending.removeFirst(told)
  }

  private mutating func tell(_ observation: Observation, at time: Double) {
    switch observation {
    case .connected(let roundTrip):
      linkEstimator.observeConnected(at: time)
      linkEstimator.observeRoundTrip(seconds: roundTrip, at: time)
    case .disconnected:
      linkEstimator.observeDisconnected(at: time)
    case .probed:
      linkEstimator.observeProbe(at: time)
    case .accepted(let roundTrip, let wait):
      linkEstimator.observeRoundTrip(seconds: roundTrip, at: time)
      edgeEstimator.observe(wait: wait, at: time)
    case .acknowledged(let bytes, let seconds, let roundTrip):
      linkEstimator.observeTransfer(
        bytes: bytes, seconds: seconds, roundTrip: roundTrip, at: time)
    case .stalled(let bytes, let seconds):
      linkEstimator.observeStall(bytes: bytes, seconds: seconds, at: time)
    }
  }
}
