import Offload

/// One device: what it is, what it knows, and its connection.
struct SimulatedDevice {
  /// What the network will have told the device by some time.
  enum Observation: Sendable {
    case connected(roundTrip: Double)
    case disconnected
    case accepted(roundTrip: Double, wait: Double)
    case acknowledged(bytes: Int, seconds: Double)
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
  var connection = ConnectionState()
  /// Since when `connection` stands, for crashes that happened since.
  var connectedSince = 0.0
  /// As the device measures it; nil before it has.
  var measuredSpeed: Double?
  var arrivals: SeededGenerator
  var utterances = 0
  /// When the user stopped speaking, the last time and the next.
  var wanted = 0.0
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
    if case .connecting(let until, let succeeds) = connection.phase, until <= time {
      if succeeds {
        connection.succeeded()
        connectedSince = until
      } else {
        connection.attemptFailed(at: until, jitter: jitter())
        pending.append((until, .disconnected))
      }
    }
    if connection.phase == .connected, let crash = crashes.next(at: connectedSince),
      crash.lowerBound <= time
    {
      connection.lost()
      pending.append((crash.lowerBound, .disconnected))
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
    case .accepted(let roundTrip, let wait):
      linkEstimator.observeRoundTrip(seconds: roundTrip, at: time)
      edgeEstimator.observe(wait: wait, at: time)
    case .acknowledged(let bytes, let seconds):
      linkEstimator.observeTransfer(bytes: bytes, seconds: seconds, at: time)
    case .stalled(let bytes, let seconds):
      linkEstimator.observeStall(bytes: bytes, seconds: seconds, at: time)
    }
  }
}
