// What the oracles are shown: every action, with what would come of it.
extension FleetSimulation {
  func consultOracle(_ context: UtteranceContext, _ timeline: LocalTimeline) {
    guard let oracle else { return }
    statistics.decisions += 1
    let device = devices[context.device]
    let front = context.began + timeline.frontEndSeconds
    var alternatives: [OracleAlternative] = []
    for exits in 0...shape.exits.count {
      let blocks = exits == 0 ? 0 : shape.exits[exits - 1].afterBlock
      let time = timeline.exitTime(exits, from: front, exits: 0, blocks: 0)
      if exits > 0 {
        alternatives.append(
          OracleAlternative(
            exitsSeen: exits, edge: nil,
            result: resolver.local(
              context, exit: exits, exitsDone: exits, blocksDone: blocks, at: time,
              costs: device.costs)))
      }
      for layer in profile.header.splitLayers {
        for codec in profile.header.codecs {
          let plan = plan(
            context, timeline, exitsDone: exits, blocksDone: max(blocks, layer), layer: layer,
            codec: codec, packetDuration: configuration.packetDuration,
            ready: time + timeline.blockSeconds(from: blocks, to: layer))
          let arrival = device.link.arrival(
            bytes: plan.bytes, startingAt: plan.sendStart, moment: context.moment)
          let outcome = exogenous.outcome(
            plan, link: device.link, moment: context.moment, arrival: arrival,
            limit: max(context.deadline, plan.ready)
          ).outcome
          alternatives.append(
            OracleAlternative(
              exitsSeen: exits, edge: .init(splitLayer: layer, codec: codec),
              result: resolver.offloaded(
                context, plan, outcome, timeline: timeline, link: device.link, arrival: arrival,
                costs: device.costs)))
        }
      }
    }
    complete(
      context,
      oracle.choose(
        alternatives, utterance: profile.utterances[context.utterance],
        costs: configuration.costs, exits: shape.exits.count))
  }
}
