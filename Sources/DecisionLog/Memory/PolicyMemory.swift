import Foundation
import Offload

/// What learning policies remember from one run of a device to the next: a folder with one file a policy.
///
/// ```swift
/// let memory = PolicyMemory(folder: "policy-memory", model: fingerprint, edge: "edge.local:7443")
/// let policy = try memory.policy(named: "budget", settings: settings)   // as it was when the last run ended
/// ```
///
/// Nothing here ever fails recognition: what cannot be read or written is told, counted, and the policy goes on
/// without it. See docs/decisions/0014-what-a-policy-remembers.md for what that means to a budget.
public struct PolicyMemory: Sendable {
  public let folder: String
  /// Fingerprint of the model.
  public let model: String
  /// The edge in force, such as `edge.local:7443`; empty without one. Another edge's answers take other times.
  public let edge: String
  private let tell: @Sendable (String) -> Void

  /// - Parameter tell: called with every sentence that the user should read: what was not used, and what was lost.
  public init(
    folder: String, model: String, edge: String, tell: @escaping @Sendable (String) -> Void
  ) {
    self.folder = folder
    self.model = model
    self.edge = edge
    self.tell = tell
  }

  /// A policy by its name, with what it remembers if it is one that learns and can be kept.
  /// - Parameter now: seconds of the clock of `Evidence.time`.
  /// - Throws: `UnknownPolicyError`, which lists the known names.
  public func policy(
    named name: String, settings: PolicySettings, now: Double = Date().timeIntervalSince1970
  ) throws(UnknownPolicyError) -> any Policy {
    let type = try PolicyRegistry.shipped.type(named: name)
    guard let kept = type as? any KeptPolicy.Type else { return type.init(settings) }
    return remembering(kept, settings, now)
  }

  private func remembering<Learner: KeptPolicy>(
    _ type: Learner.Type, _ settings: PolicySettings, _ now: Double
  ) -> any Policy {
    RememberingPolicy<Learner>(
      settings, folder: folder, key: MemoryKey(settings, edge: edge, model: model), now: now,
      tell: tell)
  }
}
