import Offload

// What the oracles are shown: every action, with what would come of it.
extension FleetSimulation {
  /// What the informed oracle expects of errors: what the policies are told. Where that holds no classes of confidence, they are
  /// counted on what is played, and of too few utterances only means.
  static func expectations(
    _ calibration: Calibration, _ profile: Profile, _ configuration: FleetConfiguration
  ) -> ErrorExpectations {
    let criterion = configuration.criterion
    let exits = profile.header.shape.exits.map(\.exit)
    func made(_ calibration: Calibration) -> ErrorExpectations {
      ErrorExpectations(
        calibration, criterion: criterion,
        assumedWordsPerSecond: configuration.costs.wordsPerSecond)
    }
    func isWhole(_ expectations: ErrorExpectations) -> Bool {
      [0, .infinity].allSatisfy {
        expectations.chain(after: nil, exits: exits, words: $0) != nil
      }
    }
    let given = made(calibration)
    if isWhole(given) { return given }
    var counted = Calibration(
      entries: ThresholdFit().fitThresholds(
        samples: profile.calibrationSamples(criterion), criterion: criterion,
        manifest: profile.header.source))
    let whole = made(counted)
    if isWhole(whole) { return whole }
    for index in counted.entries.indices {
      let entry = counted.entries[index]
      counted.entries[index].short = nil
      counted.entries[index].long = nil
      counted.entries[index].classes = ConfidenceClasses(
        limits: [], share: [1], errorRate: [entry.meanErrorRate ?? 1],
        edgeErrorRate: [entry.meanEdgeErrorRate ?? 1], next: entry.exit == exits.last ? [] : [[1]])
    }
    return made(counted)
  }

  /// How soon a way's features are all at the edge, for one moment of beginning.
  private struct Way {
    var layer: Int
    var codec: Int
    /// nil: nothing is sent before the user has stopped.
    var stream: AheadStream?
    /// When the edge takes the stream.
    var admission: ExogenousEdge.Admission?
  }

  func consultOracle(_ listening: Listening) {
    guard let oracle else { return }
    let context = listening.context
    statistics.decisions += 1
    let device = devices[context.device]
    let utterance = profile.utterances[context.utterance]
    let depth = listening.pass == nil ? 0 : realTimeDepth(device.speed)
    var timelines: [Int: LocalTimeline] = [:]
    /// As deep as is of use and can be kept up with, from the first chunk on: no other course is ready earlier.
    func timeline(_ blocks: Int) -> LocalTimeline {
      let ahead = min(blocks, depth)
      if let known = timelines[ahead] { return known }
      var made = LocalTimeline(
        shape: shape, frames: frames(utterance), speed: device.speed, began: context.began)
      if var pass = pass(listening, blocks: ahead) {
        let rest = pass.finish(to: 0)
        made = LocalTimeline(
          shape: shape, frames: made.frames, speed: device.speed, ahead: ahead, rest: rest)
      }
      timelines[ahead] = made
      return made
    }
    let ways = ways(listening, depth: depth, timeline: timeline)
    var alternatives: [OracleAlternative] = []
    for exits in 0...shape.exits.count {
      let blocks = exits == 0 ? 0 : shape.exits[exits - 1].afterBlock
      if exits > 0 {
        let local = timeline(blocks)
        alternatives.append(
          OracleAlternative(
            exitsSeen: exits, edge: nil,
            result: resolver.local(
              context, LocalThread(local, from: local.start), exit: exits, at: local.start,
              costs: device.costs)))
      }
      for way in ways {
        let local = timeline(max(blocks, way.layer))
        let ready =
          local.exitTime(exits, from: local.start, exits: 0, blocks: 0)
          + local.blockSeconds(from: blocks, to: way.layer)
        var plan = plan(
          context, exitsDone: exits, blocksDone: max(blocks, way.layer), layer: way.layer,
          codec: way.codec, packetDuration: configuration.packetDuration, ready: ready)
        var arrival: Double
        if let stream = way.stream {
          plan.ahead = stream
          plan.sendStart = stream.start
          plan.bytes = stream.bytes
          arrival = device.link.arrival(
            leftAt: max(stream.left, ready), moment: context.moment)
        } else {
          arrival = device.link.arrival(
            bytes: plan.bytes, startingAt: ready, moment: context.moment)
        }
        let admission =
          way.admission
          ?? exogenous.admission(start: ready, link: device.link, moment: context.moment)
        let outcome = exogenous.outcome(
          plan, admission: admission, link: device.link, moment: context.moment,
          arrival: arrival, limit: plan.deadline(context, local))
        let result = resolver.offloaded(
          context, plan, outcome, timeline: local, link: device.link, arrival: arrival,
          costs: device.costs)
        alternatives.append(
          OracleAlternative(
            exitsSeen: exits, edge: .init(splitLayer: way.layer, codec: way.codec),
            result: result))
      }
    }
    complete(
      context,
      oracle.choose(
        alternatives, utterance: utterance, costs: configuration.costs, shape: shape))
  }

  private func pass(_ listening: Listening, blocks: Int) -> StreamedPass? {
    listening.pass.map { old in
      StreamedPass(
        shape: shape, speed: devices[listening.context.device].speed, frames: old.frames,
        chunkFrames: old.chunkFrames, began: old.began, ended: old.ended, blocks: blocks)
    }
  }

  /// Every layer and codec, sent at the end or from any of the moments on at which a device looks.
  private func ways(_ listening: Listening, depth: Int, timeline: (Int) -> LocalTimeline) -> [Way] {
    let context = listening.context
    let link = devices[context.device].link
    let prefixes = profile.utterances[context.utterance].prefixes ?? []
    var ways: [Way] = []
    var admissions: [ExogenousEdge.Admission] = []
    for layer in profile.header.splitLayers {
      // When every chunk's features are computed, and the moments at which a stream can begin.
      var chunks: [(frames: Double, time: Double)] = []
      var starts: [Double] = []
      if layer <= depth, var pass = pass(listening, blocks: layer) {
        for prefix in prefixes {
          let now = listening.began + prefix.seconds + pass.pause(depth: depth)
          guard now < pass.ended else { break }
          pass.run(until: now)
          chunks.append((pass.frames(at: layer), now))
          starts.append(now)
        }
      }
      for codec in profile.header.codecs {
        ways.append(Way(layer: layer, codec: codec))
        for (index, start) in starts.enumerated() {
          if index == admissions.count {
            admissions.append(
              exogenous.admission(start: start, link: link, moment: context.moment))
          }
          var stream = ahead(
            context,
            SpeculationPlan(
              splitLayer: layer, codec: codec, packetDuration: configuration.packetDuration),
            start: start
          ).packets
          for chunk in chunks[index...] {
            stream.send(
              chunk.frames, at: max(start, chunk.time), link: link, moment: context.moment)
          }
          let local = timeline(layer)
          stream.finish(
            at: local.start + local.blockSeconds(from: 0, to: layer), link: link,
            moment: context.moment)
          ways.append(
            Way(layer: layer, codec: codec, stream: stream, admission: admissions[index]))
        }
      }
    }
    return ways
  }
}
