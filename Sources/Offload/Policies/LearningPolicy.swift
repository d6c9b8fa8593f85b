/// A policy with a memory: it reserves what it may spend, or learns from what came of its decisions.
///
/// `decide` stays pure: it reads the memory and never changes it. The memory changes in two places only, which
/// whoever carries out decisions calls, in this order, for every utterance:
///
/// ```swift
/// let decision = policy.decide(evidence)                    // as often as the utterance needs
/// guard case .granted = learner.begin(decision, utterance: id, at: now) else { /* decide again */ }
/// // … carry it out …
/// learner.observe(outcome)                                  // once, whatever became of it
/// ```
///
/// With the same settings (the seed among them) and the same calls the decisions are the same. Safe to call
/// from several tasks.
public protocol LearningPolicy: Policy {
  /// `decision` is about to be carried out: reserves what it may spend.
  ///
  /// Call it once an utterance: for the decision that ends its chain, or, if features are sent while the user speaks,
  /// for what that may take at most (`Speculation` does so). Refused if another utterance has taken what was
  /// left since `decide` looked: then ask `decide` again, which knows.
  /// - Parameters:
  ///   - utterance: the utterance's id, unique while it is under way.
  ///   - time: seconds of the clock of `Evidence.time`.
  func begin(_ decision: Decision, utterance: UInt64, at time: Double) -> Permission

  /// The utterance is over: answered, fallen back, cancelled or failed. Gives back what was reserved and not
  /// spent, and learns. Utterances that were not offloaded are told as well: time passes with them.
  func observe(_ outcome: Outcome)
}
