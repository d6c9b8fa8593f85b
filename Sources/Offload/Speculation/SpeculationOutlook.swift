/// What a policy is likely to do when the utterance is over, going by what was heard so far.
///
/// Takes the policy through its whole chain: past the exits that were computed, and then past the others as if each
/// said what the deepest computed one says. (An exit further down is seldom less sure than the one before it; that
/// makes an offload look a little likelier than it is, and costs bytes, never a transcript.)
struct SpeculationOutlook: Sendable {
  /// Probability that the utterance is offloaded: 0 or 1 for a policy that leaves nothing to chance.
  private(set) var likelihood = 0.0
  /// The likeliest offload.
  private(set) var plan: SpeculationPlan?
  /// Blocks that the policy wants to have computed, as far as is known: up to the exit to which it would go next.
  private(set) var blocksWanted = 0

  /// - Parameter evidence: of what was heard, as if the utterance were over (`StreamedWork.isSpeaking`); its exits are
  ///   those that were computed.
  init(_ evidence: Evidence, policy: any Policy) {
    let known = evidence.exits
    var asked = evidence
    asked.exits = []
    var reach = 1.0
    var offloads: [(action: Action, probability: Double)] = []
    while true {
      let decision = policy.decide(asked)
      for prediction in decision.predictions where prediction.action.isOffload {
        let probability = reach * decision.propensity(of: prediction.action)
        guard probability > 0 else { continue }
        likelihood += probability
        if let index = offloads.firstIndex(where: { $0.action == prediction.action }) {
          offloads[index].probability += probability
        } else {
          offloads.append((prediction.action, probability))
        }
      }
      let onward = decision.propensity(of: .nextExit)
      // Nearly sure never to come there: not worth a question.
      guard reach * onward > 0.01, let next = asked.nextExit else { break }
      let index = asked.exits.count
      if index == known.count, reach * onward >= 0.5 { blocksWanted = next.afterBlock }
      if index < known.count {
        blocksWanted = max(blocksWanted, known[index].afterBlock)
        asked.exits.append(known[index])
      } else {
        // Nothing was computed at all: nothing can be supposed of any exit.
        guard var supposed = known.last else { break }
        supposed.exit = next.exit
        supposed.afterBlock = next.afterBlock
        asked.deadlineRemaining -=
          decision.predictions.first { $0.action == .nextExit }?.cost.latency ?? 0
        asked.exits.append(supposed)
      }
      reach *= onward
    }
    likelihood = min(likelihood, 1)
    plan = offloads.max { $0.probability < $1.probability }.flatMap { SpeculationPlan($0.action) }
  }
}
