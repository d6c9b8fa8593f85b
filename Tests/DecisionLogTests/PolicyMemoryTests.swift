import Foundation
import Offload
import Synchronization
import Testing

@testable import DecisionLog

@Suite struct PolicyMemoryTests {
  let folder: TemporaryFolder
  /// What the user was told.
  let told = Told()

  init() throws { folder = try TemporaryFolder() }

  final class Told: Sendable {
    private let sentences = Mutex<[String]>([])
    var all: [String] { sentences.withLock { $0 } }
    func add(_ sentence: String) { sentences.withLock { $0.append(sentence) } }
  }

  /// Noon on a day of 2023, so that an hour more is the same day.
  static let noon = 19_600 * 86_400 + 43_200.0

  /// The edge makes a tenth of the exits' errors: an offload pays.
  static func settings(
    perDay: Double = 1, resource: Budget.Resource = .megabytes,
    bandit: BanditSettings = BanditSettings()
  ) -> PolicySettings {
    PolicySettings(
      costs: CostPredictor(model: .standard, deviceClass: .phone),
      calibration: Calibration(
        entries: (1...2).map { exit in
          CalibrationEntry(
            exit: exit, afterBlock: 2 * exit, criterion: .frameEntropy, threshold: 0.2,
            errorRate: ErrorRateCurve(steps: [.init(limit: 1, errorRate: 0.8)]),
            edgeErrorRate: ErrorRateCurve(steps: [.init(limit: 1, errorRate: 0.08)]))
        }), budget: Budget(resource: resource, perDay: perDay), bandit: bandit)
  }

  static let evidence = Evidence(
    model: Fixtures.shape,
    exits: (1...2).map {
      ExitEvidence(
        exit: $0, afterBlock: 2 * $0, frameEntropy: 0.7, sentencePosterior: 0.3, tokenCount: 12,
        frameCount: 75)
    }, utteranceSeconds: 3, deadlineRemaining: 2,
    link: LinkEstimate(
      connectivity: .connected,
      bandwidth: Percentiles(tenth: 1e6, median: 2e6, ninetieth: 3e6),
      roundTrip: Percentiles(tenth: 0.01, median: 0.02, ninetieth: 0.03), sampleCount: 9, age: 0.5),
    options: OffloadOptions(
      splitLayers: [0, 2, 4], rates: [FeatureRate(codec: 1, bytesPerFrame: 148)],
      packetDurations: [0.32]), time: noon)

  func policy(
    _ name: String = BudgetPolicy.name, _ settings: PolicySettings = Self.settings(),
    model: String = "aa", edge: String = "edge:7443", now: Double = noon
  ) throws -> any Policy {
    try PolicyMemory(
      folder: folder.file("memory"), model: model, edge: edge, tell: { [told] in told.add($0) }
    ).policy(named: name, settings: settings, now: now)
  }

  func budget(_ settings: PolicySettings = Self.settings(), now: Double = noon) throws
    -> RememberingPolicy<BudgetPolicy>
  {
    try #require(try policy(BudgetPolicy.name, settings, now: now) as? RememberingPolicy)
  }

  var file: String { folder.file("memory/budget-megabytes.memory") }

  func kept() throws -> KeptState<BudgetPolicy.State> {
    try KeptState(Data(contentsOf: URL(fileURLWithPath: file)), stateVersion: 1)
  }

  /// Megabytes that can still be reserved according to the file alone.
  func left(at time: Double = noon) throws -> Double {
    try kept().state.ledger.available(at: time)
  }

  // MARK: - Over a restart

  @Test func aBudgetGoesOnWhereItWas() async throws {
    var policy: RememberingPolicy<BudgetPolicy>? = try budget()
    let decision = try #require(policy).decide(Self.evidence)
    #expect(decision.action.isOffload)
    #expect(policy?.begin(decision, utterance: .max, at: Self.noon) != .refused)
    policy?.observe(
      Outcome(
        utterance: .max, time: Self.noon + 1, decisions: [decision], answeredByEdge: true,
        bytes: 4_000))
    await policy?.flush()
    #expect(policy?.losses == LossReport())
    policy = nil
    #expect(abs(try left() - 0.996) < 1e-9)
    let next = try budget()
    _ = next.begin(decision, utterance: 2, at: Self.noon + 10)
    #expect(try kept().state.ledger.spent == 0.004)
    #expect(try kept().state.meanGain ?? 0 > 0)
    #expect(told.all.isEmpty)
    next.observe(Outcome(utterance: 2, time: Self.noon + 11, decisions: [decision], bytes: 4_000))
    await next.flush()
    #expect(abs(try left() - 0.992) < 1e-9)
    // The next day is another budget.
    #expect(try left(at: Self.noon + 86_400) == 1)
  }

  @Test func aBanditDecidesAsIfItHadNeverStopped() async throws {
    let settings = Self.settings(bandit: BanditSettings(exploration: 0))
    let plain = BanditPolicy(settings)
    var kept: (any Policy)? = try policy(BanditPolicy.name, settings)
    for number in UInt64(0)..<40 {
      let outcome = Outcome(
        utterance: number, time: Self.noon, decisions: [Self.offload(settings)],
        offloadSeconds: 0.9 + Double(number % 7) / 10, answeredByEdge: true, bytes: 4_000)
      plain.observe(outcome)
      (kept as? any MemoryKeeper)?.observe(outcome)
      if number == 20 {
        await (kept as? any MemoryKeeper)?.flush()
        kept = nil
        kept = try policy(BanditPolicy.name, settings)
      }
    }
    #expect(kept?.decide(Self.evidence) == plain.decide(Self.evidence))
    // A newcomer knows nothing of a slow edge.
    #expect(BanditPolicy(settings).decide(Self.evidence) != plain.decide(Self.evidence))
    #expect(told.all.isEmpty)
  }

  static func offload(_ settings: PolicySettings) -> Decision {
    let planned = BudgetPolicy(settings).decide(evidence)
    return Decision(
      policy: BanditPolicy.name, action: planned.action, reason: planned.reason,
      predictions: planned.predictions, evidence: evidence)
  }

  // MARK: - Killed

  /// What a process that is killed between the reservation and the answer leaves: the file as it stands.
  @Test func aReservationIsOnTheDiskBeforeItIsGranted() throws {
    let policy = try budget()
    let decision = policy.decide(Self.evidence)
    guard case .granted(let bytes?) = policy.begin(decision, utterance: 1, at: Self.noon) else {
      Issue.record("not granted")
      return
    }
    #expect(abs(try left() - (1 - bytes * 1e-6)) < 1e-9)
    // The one who starts while it is under way has that much less, and once it is surely over, too.
    let copy = try TemporaryFolder()
    try FileManager.default.copyItem(
      atPath: folder.file("memory"), toPath: copy.file("memory"))
    let next = try PolicyMemory(
      folder: copy.file("memory"), model: "aa", edge: "edge:7443",
      tell: { Issue.record("told \($0)") }
    ).policy(named: BudgetPolicy.name, settings: Self.settings(), now: Self.noon + 5)
    let learner = try #require(next as? RememberingPolicy<BudgetPolicy>)
    // All that is left, and not a byte more.
    var count = 0
    while case .granted = learner.begin(
      decision, utterance: UInt64(10 + count), at: Self.noon + 2_000)
    {
      count += 1
    }
    #expect(count == Int((1 - bytes * 1e-6) / (bytes * 1e-6)))
  }

  @Test func twoProcessesCannotSpendTheSameBudget() throws {
    let first = try budget()
    #expect(first.decide(Self.evidence).action.isOffload)
    let second = try budget()
    #expect(!second.decide(Self.evidence).action.isOffload)
    #expect(told.all.count == 1)
    #expect(told.all.first?.contains("another process is using it") == true)
    // The first one's memory is as it was.
    #expect(first.begin(first.decide(Self.evidence), utterance: 1, at: Self.noon) != .refused)
  }

  // MARK: - Other settings

  @Test func whatWasSpentTodayStaysSpentUnderOtherSettings() throws {
    try spend(0.6)
    for perDay in [0.5, 0.1, 0.8] {
      let policy = try budget(Self.settings(perDay: perDay), now: Self.noon + 60)
      #expect(policy.decide(Self.evidence).action.isOffload == (perDay > 0.6))
      #expect(abs(try kept().state.ledger.spent - 0.6) < 1e-9)
      #expect(try kept().state.meanGain == nil)
    }
    #expect(told.all.count == 3)
    #expect(told.all.allSatisfy { $0.contains("other settings") && $0.contains("stays spent") })
  }

  /// Leaves a memory with so much spent at noon.
  func spend(_ megabytes: Double) throws {
    var state = BudgetPolicy(Self.settings()).state
    let isReserved = state.ledger.reserve(megabytes, utterance: 1, at: Self.noon)
    #expect(isReserved)
    state.ledger.settle(megabytes, utterance: 1, at: Self.noon)
    state.meanUse = 0.01
    state.meanGain = 0.5
    try write(state)
  }

  func write(_ state: BudgetPolicy.State, version: Int = 1) throws {
    let key = MemoryKey(Self.settings(), edge: "edge:7443", model: "aa")
    try MemoryFile(folder: folder.file("memory"), name: "budget-megabytes").write(
      KeptState(policy: "budget", stateVersion: version, key: key, state: state).data())
  }

  @Test(arguments: ["model", "edge", "settings"]) func aBanditLearnsAnewElsewhere(what: String)
    async throws
  {
    let before = try #require(try policy(BanditPolicy.name) as? any MemoryKeeper)
    let decision = Self.offload(Self.settings())
    for number in UInt64(0)..<5 {
      before.observe(
        Outcome(
          utterance: number, time: Self.noon, decisions: [decision], offloadSeconds: 1.7,
          answeredByEdge: true, bytes: 4_000))
    }
    await before.flush()
    let copy = folder.file("memory")
    try FileManager.default.moveItem(atPath: copy, toPath: copy + ".old")
    try FileManager.default.copyItem(atPath: copy + ".old", toPath: copy)
    let settings =
      what == "settings" ? Self.settings(bandit: BanditSettings(memory: 60)) : Self.settings()
    let after = try policy(
      BanditPolicy.name, settings, model: what == "model" ? "bb" : "aa",
      edge: what == "edge" ? "other:7443" : "edge:7443")
    #expect(after.decide(Self.evidence) == BanditPolicy(settings).decide(Self.evidence))
    #expect(told.all.count == 1)
    #expect(told.all.first?.contains(what == "model" ? "another model" : "another edge") == true)
    #expect(told.all.first?.contains("learns anew") == true)
  }

  @Test func megabytesAndJoulesAreKeptApart() throws {
    try spend(1)
    let joules = try #require(
      try policy(BudgetPolicy.name, Self.settings(perDay: 100, resource: .joules))
        as? RememberingPolicy<BudgetPolicy>)
    #expect(joules.begin(joules.decide(Self.evidence), utterance: 1, at: Self.noon) != .refused)
    #expect(try left() == 0)
    #expect(told.all.isEmpty)
  }

  @Test func policiesThatLearnNothingLeaveNoFile() throws {
    for name in PolicyRegistry.names where ![BudgetPolicy.name, BanditPolicy.name].contains(name) {
      #expect(try policy(name).name == name)
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("memory")))
    #expect(throws: UnknownPolicyError.self) { try policy("no-such") }
  }

  // MARK: - Damage

  /// Cut at many lengths and changed at many bytes: never a crash, never a megabyte that was already spent.
  @Test func damageIsToldAndTodayCountsAsSpent() throws {
    try spend(0.1)
    let whole = try Data(contentsOf: URL(fileURLWithPath: file))
    var damaged: [Data] = stride(from: 0, to: whole.count, by: 17).map { whole.prefix($0) }
    for index in stride(from: 0, to: whole.count, by: 13) {
      var copy = whole
      copy[index] ^= 1
      damaged.append(copy)
    }
    damaged.append(whole + Data("x".utf8))
    damaged.append(Data(count: MemoryFile.largest + 1))
    damaged.append(Self.sealed("{}"))
    damaged.append(Self.sealed("[1, 2"))
    damaged.append(Self.sealed(#"{"format":1,"stateVersion":1,"state":{}}"#))
    for data in damaged {
      try data.write(to: URL(fileURLWithPath: file))
      let policy = try budget(now: Self.noon)
      #expect(!policy.decide(Self.evidence).action.isOffload)
      #expect(policy.decide(Self.evidence).reason.code == "budget-spent")
      // The second start finds what the first one wrote.
      #expect(try left() == 0)
      #expect(try Data(contentsOf: URL(fileURLWithPath: file + ".unused")) == data)
    }
    #expect(told.all.count == damaged.count)
    #expect(
      told.all.allSatisfy { $0.contains(file) && $0.contains("takes today's budget for spent") })
    #expect(try left(at: Self.noon + 86_400 + 700) == 1)
  }

  static func sealed(_ text: String) -> Data {
    Data((MemoryKey.digest(Data(text.utf8)) + "\n" + text).utf8)
  }

  @Test func aBanditStartsAfreshFromDamage() async throws {
    try FileManager.default.createDirectory(
      atPath: folder.file("memory"), withIntermediateDirectories: true)
    try Data("nonsense".utf8).write(
      to: URL(fileURLWithPath: folder.file("memory/bandit.memory")))
    let policy = try policy(BanditPolicy.name)
    #expect(policy.decide(Self.evidence) == BanditPolicy(Self.settings()).decide(Self.evidence))
    #expect(told.all.count == 1)
    #expect(told.all.first?.contains("starts afresh") == true)
    #expect(told.all.first?.contains("spent") == false)
  }

  @Test func aNewerMemoryIsNamed() throws {
    try write(BudgetPolicy(Self.settings()).state, version: 7)
    let policy = try budget()
    #expect(!policy.decide(Self.evidence).action.isOffload)
    #expect(told.all.first?.contains("newer version") == true)
    #expect(told.all.first?.contains("1.7") == true)
  }

  @Test func aClockThatStepsBackGivesNoSecondBudget() throws {
    try spend(1)
    let steps: [Double] = [1, 86_400, 19_000 * 86_400]
    for back in steps {
      let policy = try budget(now: Self.noon - back)
      var evidence = Self.evidence
      evidence.time = Self.noon - back
      #expect(!policy.decide(evidence).action.isOffload)
    }
  }

  // MARK: - A full disk

  /// The kernel's own "no space left on device".
  func fillDisk() throws {
    try? FileManager.default.removeItem(atPath: file + ".new")
    try FileManager.default.createSymbolicLink(
      atPath: file + ".new", withDestinationPath: "/dev/full")
  }

  @Test func withoutRoomNothingIsSpentAndRecognitionGoesOn() async throws {
    let policy = try budget()
    let decision = policy.decide(Self.evidence)
    try fillDisk()
    #expect(policy.begin(decision, utterance: 1, at: Self.noon) == .refused)
    #expect(policy.losses.count == 1)
    #expect(policy.losses.latestReason?.contains("No space left") == true)
    let again = policy.decide(Self.evidence)
    #expect(!again.action.isOffload)
    #expect(policy.begin(again, utterance: 1, at: Self.noon) == .granted(bytes: nil))
    // Still no room: counted again, told once.
    try fillDisk()
    policy.observe(Outcome(utterance: 1, time: Self.noon + 1, decisions: [again]))
    await policy.flush()
    #expect(policy.losses.count == 2)
    #expect(told.all.count == 1)
    #expect(told.all.first?.contains("cannot be written") == true)
    // Room again: the next utterance finds that out, and the one after it may be offloaded.
    policy.observe(Outcome(utterance: 2, time: Self.noon + 2, decisions: [again]))
    await policy.flush()
    #expect(policy.decide(Self.evidence).action == decision.action)
    #expect(policy.begin(decision, utterance: 3, at: Self.noon + 3) != .refused)
    #expect(policy.losses.count == 2)
    let spent = try left()
    #expect(spent < 1)
  }

  @Test func aFolderThatCannotBeMadeIsNamed() throws {
    try Data().write(to: URL(fileURLWithPath: folder.file("memory")))
    let budget = try policy()
    #expect(!budget.decide(Self.evidence).action.isOffload)
    #expect(told.all.count == 1)
    #expect(told.all.first?.contains("Nothing is offloaded") == true)
    #expect(told.all.first?.contains("policyMemory") == true)
    let bandit = try #require(try policy(BanditPolicy.name) as? any MemoryKeeper)
    bandit.observe(Outcome(utterance: 1, time: Self.noon, decisions: []))
    #expect(told.all.count == 2)
  }
}
