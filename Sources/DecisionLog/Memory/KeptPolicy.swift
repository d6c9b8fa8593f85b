import Offload

/// A learning policy whose memory can be kept in a file.
protocol KeptPolicy: LearningPolicy {
  associatedtype State: Codable & Sendable

  static var name: String { get }
  /// Changes when `State` is encoded in another way, or means something else.
  static var stateVersion: Int { get }
  /// Whether `begin` changes what must be on the disk before anything is sent.
  static var reserves: Bool { get }

  init(_ settings: PolicySettings, state: State?)
  var state: State { get }

  /// The file's name; policies that count different things keep them apart.
  static func fileName(_ settings: PolicySettings) -> String
  /// What holds under other settings too; nil: nothing.
  static func carriedOver(_ state: State) -> State?
  /// Where to start if there was a memory and it cannot be read; nil: afresh.
  static func cautious(_ settings: PolicySettings, now: Double) -> State?
}

extension BanditPolicy: KeptPolicy {
  static var stateVersion: Int { 1 }
  static var reserves: Bool { false }
  static func fileName(_ settings: PolicySettings) -> String { name }
  static func carriedOver(_ state: State) -> State? { nil }
  static func cautious(_ settings: PolicySettings, now: Double) -> State? { nil }
}

extension BudgetPolicy: KeptPolicy {
  static var stateVersion: Int { 1 }
  static var reserves: Bool { true }

  static func fileName(_ settings: PolicySettings) -> String {
    "\(name)-\((settings.budget?.resource ?? .megabytes).rawValue)"
  }

  /// What has been spent today has been spent whatever the settings; what an offload is worth is learnt anew.
  static func carriedOver(_ state: State) -> State? {
    var state = state
    state.meanUse = nil
    state.meanGain = nil
    return state
  }

  /// Nobody knows what has been spent today, and the budget must not be exceeded: all of it.
  static func cautious(_ settings: PolicySettings, now: Double) -> State? {
    var state = BudgetPolicy(settings).state
    let all = state.ledger.budget.perDay
    _ = state.ledger.reserve(all, utterance: 0, at: now)
    state.ledger.settle(all, utterance: 0, at: now)
    return state
  }
}
