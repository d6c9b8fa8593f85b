import Dispatch
import Foundation
import Offload
import Synchronization

/// A learning policy whose memory outlives the process.
///
/// A reservation is on the disk before `begin` grants it, so that neither `kill -9` nor the loss of power gives a
/// second allowance for the same day. What is learnt is written afterwards, on a queue of its own, so that no
/// answer waits for a disk. If a reservation cannot be written nothing is offloaded until the file can be
/// written again; recognition goes on.
final class RememberingPolicy<Learner: KeptPolicy>: MemoryKeeper {
  var name: String { Learner.name }
  var usesLink: Bool { learner.usesLink }
  var mayProbe: Bool { learner.mayProbe }

  fileprivate let learner: Learner
  private let key: MemoryKey
  /// nil: this process may not write.
  private let file: MemoryFile?
  private let queue = DispatchQueue(label: "tandem.policy-memory", qos: .utility)
  private let tell: @Sendable (String) -> Void
  private let state: Mutex<State>
  /// Held while the learner is read and written out, so that no older state replaces a newer one.
  private let writing = Mutex(())

  private struct State {
    var losses = LossReport()
    var isScheduled = false
    /// The file is known not to be writable.
    var isBlocked: Bool
  }

  /// - Parameters:
  ///   - folder: made if it is not there.
  ///   - now: seconds of the clock of `Evidence.time`.
  ///   - tell: called with every sentence that the user should read.
  init(
    _ settings: PolicySettings, folder: String, key: MemoryKey, now: Double,
    tell: @escaping @Sendable (String) -> Void
  ) {
    self.key = key
    self.tell = tell
    let name = Learner.fileName(settings)
    let path = "\(folder)/\(name).memory"
    func without(_ problem: MemoryProblem) -> String {
      "the memory \(path) of the policy \(Learner.name) cannot be kept: \(problem). "
        + (Learner.reserves
          ? "Nothing is offloaded, because nobody could say later what was spent. Check policyMemory"
          : "What is learnt now is forgotten at the end. Check policyMemory")
    }
    do {
      let file = try MemoryFile(folder: folder, name: name)
      let (start, problem) = Self.start(file, settings, key: key, now: now)
      learner = Learner(settings, state: start)
      self.file = file
      state = Mutex(State(isBlocked: false))
      guard let problem else { return }
      tell(problem)
      file.setAside()
      // At once: a second start must not find a file that says something else, or none.
      save()
    } catch {
      learner = Learner(settings, state: Learner.cautious(settings, now: now))
      file = nil
      state = Mutex(State(isBlocked: true))
      tell(without(error))
    }
  }

  /// What to start from, and what to tell if that is not simply what the last run left.
  private static func start(
    _ file: MemoryFile, _ settings: PolicySettings, key: MemoryKey, now: Double
  ) -> (Learner.State?, String?) {
    let memory = "the memory \(file.path) of the policy \(Learner.name)"
    do {
      guard let data = try file.read() else { return (nil, nil) }
      let kept = try KeptState<Learner.State>(data, stateVersion: Learner.stateVersion)
      guard kept.policy == Learner.name else {
        throw MemoryProblem.damaged("it is of the policy \(kept.policy)")
      }
      if kept.key == key { return (kept.state, nil) }
      let other =
        kept.key.model == key.model ? "other settings or another edge" : "another model"
      let rest = Learner.carriedOver(kept.state)
      return (
        rest,
        "\(memory) was learnt with \(other); the policy learns anew"
          + (rest == nil ? "" : ", but what was spent today stays spent")
      )
    } catch {
      let start = Learner.cautious(settings, now: now)
      return (
        start,
        "\(memory) cannot be read: \(error). It is kept as \(file.path).unused; the policy starts afresh"
          + (start == nil ? "" : ", and takes today's budget for spent")
      )
    }
  }

  var losses: LossReport { state.withLock { $0.losses } }

  func decide(_ evidence: Evidence) -> Decision {
    guard Learner.reserves, state.withLock({ $0.isBlocked }) else {
      return learner.decide(evidence)
    }
    var evidence = evidence
    evidence.options = .none
    return learner.decide(evidence)
  }

  func begin(_ decision: Decision, utterance: UInt64, at time: Double) -> Permission {
    let permission = learner.begin(decision, utterance: utterance, at: time)
    guard Learner.reserves, decision.action.isOffload, case .granted = permission else {
      return permission
    }
    guard save() else {
      // Not sent, so not spent. The caller asks again, and is given what needs no edge.
      learner.observe(Outcome(utterance: utterance, time: time, decisions: []))
      return .refused
    }
    return permission
  }

  func observe(_ outcome: Outcome) {
    learner.observe(outcome)
    let isNews = !Learner.reserves || outcome.decisions.last?.action.isOffload ?? true
    let isDue = state.withLock { state in
      guard !state.isScheduled, isNews || state.isBlocked else { return false }
      state.isScheduled = true
      return true
    }
    guard isDue else { return }
    queue.async { [self] in
      state.withLock { $0.isScheduled = false }
      save()
    }
  }

  func flush() async {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume() }
    }
  }

  /// Writes what the learner remembers now. False, and counted, if it is not on the disk.
  @discardableResult
  private func save() -> Bool {
    guard let file else { return false }
    return writing.withLock { _ in
      do {
        try file.write(
          KeptState(
            policy: Learner.name, stateVersion: Learner.stateVersion, key: key, state: learner.state
          ).data())
        state.withLock { $0.isBlocked = false }
        return true
      } catch {
        let count = state.withLock { state in
          state.isBlocked = true
          state.losses.count += 1
          state.losses.latestReason = "\(error)"
          return state.losses.count
        }
        // Once is enough to know; how often is counted.
        if count == 1 {
          tell(
            "the memory \(file.path) of the policy \(Learner.name) cannot be written: \(error). "
              + (Learner.reserves ? "Nothing is offloaded until it can" : "Recognition goes on"))
        }
        return false
      }
    }
  }
}

/// A policy that plans how deep to compute does so with a memory as well.
extension RememberingPolicy: DepthPlanning where Learner: DepthPlanning {
  func expectedCost(_ evidence: Evidence, keepingUpTo blocks: Int) -> Double {
    learner.expectedCost(evidence, keepingUpTo: blocks)
  }
}
