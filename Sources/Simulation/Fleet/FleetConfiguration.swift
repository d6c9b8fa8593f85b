import Offload

/// Everything about a run but who decides: devices, users, links and the edge.
public struct FleetConfiguration: Sendable {
  /// Seconds of virtual time.
  public var seconds: Double
  public var deviceCount: Int
  /// How many devices of each class, as weights.
  public var classes: [(class: DeviceClass, weight: Double)]
  /// Joules in a full battery; devices whose class is not named have a plug.
  public var batteryJoules: [DeviceClass: Double] = [:]
  public var arrivals: ArrivalProcess
  /// What users say: folders of the profile's recordings, such as "fsdd"; empty: everything.
  public var utteranceSets: [String] = []
  /// Recordings; each device takes one, at a place of its own. At least one.
  public var traces: [RateTrace]
  public var conditions: LinkConditions
  /// Whether every device begins at the start of its recording, so that what changes there changes for all at once.
  public var alignsTraces = false
  /// Mean seconds between outages and of one outage; nil: only those in the recordings.
  public var outages: (meanUpSeconds: Double, meanDownSeconds: Double)?
  public var edge: EdgeConfiguration
  /// As in Config/device.yaml.
  public var deadline = 2.0
  public var hedge = true
  public var packetDuration = 0.32
  public var codec = 1
  public var splitLayer: Int?
  public var offloadAfterExit: Int?
  public var criterion = ConfidenceCriterion.sentencePosterior
  public var connectSeconds = 3.0
  /// What the policy `budget` may spend; nil: nothing.
  public var budget: Budget?
  /// Seconds within which the policy `deadline` wants the edge's answer.
  public var cloudLatency = 1.5
  /// Whether a transfer that the deadline cuts off is told to the link's estimator, as EdgeLink does.
  public var observesStalls = true
  /// Whether a device whose radio makes that cheap asks the edge for a sign of life when a user begins to speak.
  public var probes = true
  public var costs = CostModel.standard
  /// Whether devices compute while the user speaks, as those that ship do.
  public var streams = true
  /// When they send while the user speaks.
  public var speculation = SpeculationSettings()
  /// The longest utterance that a device takes: what a budget sets aside when a stream begins.
  public var maximumUtteranceSeconds = 30.0

  public init(
    seconds: Double, deviceCount: Int, classes: [(class: DeviceClass, weight: Double)],
    arrivals: ArrivalProcess, traces: [RateTrace], conditions: LinkConditions,
    edge: EdgeConfiguration
  ) {
    self.seconds = seconds
    self.deviceCount = deviceCount
    self.classes = classes
    self.arrivals = arrivals
    self.traces = traces
    self.conditions = conditions
    self.edge = edge
  }

  /// The part of a profile that users say here; all of it where it holds none of the sets.
  func said(_ profile: Profile) -> Profile {
    guard !utteranceSets.isEmpty else { return profile }
    return profile.filtered { utterance, _ in
      utteranceSets.contains { utterance.id.hasPrefix($0 + "/") }
    } ?? profile
  }
}
