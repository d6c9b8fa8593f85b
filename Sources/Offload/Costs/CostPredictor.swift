/// Predicts what actions cost on one device, and computes what an utterance did cost.
public struct CostPredictor: Sendable {
  public let model: CostModel
  public let deviceClass: DeviceClass
  private let device: DeviceProfile
  private let radio: RadioProfile

  /// - Parameters:
  ///   - model: weights and coefficients; a class or radio that it lacks is taken from `CostModel.standard`.
  ///   - deviceClass: whose speed and energy to assume.
  public init(model: CostModel, deviceClass: DeviceClass) {
    self.model = model
    self.deviceClass = deviceClass
    let device =
      model.devices[deviceClass] ?? CostModel.standard.devices[deviceClass]
      ?? DeviceProfile(operationsPerSecond: 1e9, joulesPerGigaoperation: 1, radio: .wifi)
    self.device = device
    radio =
      model.radios[device.radio] ?? CostModel.standard.radios[device.radio]
      ?? RadioProfile(
        uplinkJoulesPerMegabit: 0, downlinkJoulesPerMegabit: 0, activeWatts: 0, tailSeconds: 0,
        tailWatts: 0)
  }

  /// The predicted cost of every action that is possible now: stopping at each exit seen, going on, and
  /// every offload in `evidence.options`. Expected errors come from the latest exit's curves.
  public func predictions(
    _ evidence: Evidence, calibration: Calibration, criterion: ConfidenceCriterion
  ) -> [Decision.Prediction] {
    predictions(
      evidence,
      expectations: ErrorExpectations(
        calibration, criterion: criterion, assumedWordsPerSecond: model.wordsPerSecond))
  }

  /// The same for who is asked often.
  func predictions(
    _ evidence: Evidence, expectations: ErrorExpectations
  ) -> [Decision.Prediction] {
    let options = evidence.options
    let criterion = expectations.criterion
    let words = expectations.words(evidence)
    let length = expectations.length(words)
    func expectedErrors(_ rate: Double?) -> Double? { rate.map { $0 * words } }
    var predictions: [Decision.Prediction] = []
    predictions.reserveCapacity(
      evidence.exits.count + 1 + options.splitLayers.count * options.rates.count
        * options.packetDurations.count)
    for exit in evidence.exits {
      let rate = length.exit(exit.exit)?.entry.errorRate
        .errorRate(at: exit.confidence(criterion), criterion: criterion)
      predictions.append(
        .init(
          action: .stop(exit: exit.exit),
          cost: stopCost(errors: expectedErrors(rate))))
    }
    let latest = evidence.exits.last
    let fitted = latest.flatMap { length.exit($0.exit) }
    let confidence = latest?.confidence(criterion) ?? 0
    if let next = evidence.nextExit {
      let rate = fitted?.entry.nextExitErrorRate.errorRate(at: confidence, criterion: criterion)
      predictions.append(
        .init(
          action: .nextExit,
          cost: nextExitCost(evidence, to: next, errors: expectedErrors(rate))))
    }
    let edgeErrors = expectedErrors(
      fitted?.entry.edgeErrorRate.errorRate(at: confidence, criterion: criterion))
    for layer in options.splitLayers {
      for rate in options.rates {
        for duration in options.packetDurations {
          predictions.append(
            .init(
              action: .offload(splitLayer: layer, codec: rate.codec, packetDuration: duration),
              cost: offloadCost(
                evidence, splitLayer: layer, rate: rate, packetDuration: duration,
                errors: edgeErrors)))
        }
      }
    }
    return predictions
  }

  /// What the utterance cost, with the weights and coefficients that predictions use.
  public func actualCost(
    _ use: MeasuredUse, model shape: ModelShape, utteranceSeconds: Double
  ) -> ActualCost {
    let frames = (utteranceSeconds * shape.framesPerSecond).rounded(.up)
    let operations =
      frames
      * (shape.frontEndOperations + shape.operations(blocks: 0, to: use.blocksDone)
        + Double(use.exitsDone) * shape.exitOperations)
    let energy =
      operations * device.joulesPerGigaoperation * 1e-9
      + radio.joules(
        sent: Double(use.bytesSent), received: Double(use.bytesReceived),
        transferSeconds: use.transferSeconds)
    let bytes = Double(use.bytesSent + use.bytesReceived)
    return ActualCost(
      latency: use.latency, energy: energy, bytes: bytes, serverSeconds: use.serverSeconds,
      expectedErrors: use.expectedErrors,
      total: total(
        latency: use.latency, energy: energy, bytes: bytes,
        server: use.serverSeconds * model.weights.serverSecond, errors: use.expectedErrors))
  }

  /// Joules that the radio drew for an utterance: the part of its energy that offloading is to blame for.
  public func radioEnergy(_ use: MeasuredUse) -> Double {
    radio.joules(
      sent: Double(use.bytesSent), received: Double(use.bytesReceived),
      transferSeconds: use.transferSeconds)
  }

  /// Bytes of a message that asks whether the edge is there and how long it lets one wait, and of its answer.
  public static let probeBytes = (sent: 120, received: 180)

  /// Cost units of asking so before an utterance. An LTE radio's tail makes it as dear as most of a second's wait.
  public var probeCost: Double {
    let joules = radio.joules(
      sent: Double(Self.probeBytes.sent), received: Double(Self.probeBytes.received),
      transferSeconds: 0.1)
    return joules * model.weights.joule
  }

  /// Joules that the radio draws at most for an offload whose bytes are held to `factor` times the predicted ones and
  /// whose transfer ends after `seconds`.
  func mostRadioEnergy(ofOffload cost: PredictedCost, factor: Double, seconds: Double) -> Double {
    radio.joules(
      sent: max(0, cost.bytes - model.answerBytes) * factor, received: model.answerBytes * factor,
      transferSeconds: max(seconds, 0))
  }

  /// Seconds and joules of computing on the device from where it stands up to an exit's transcript.
  func localWork(_ evidence: Evidence, to exit: ModelShape.ExitPoint) -> (
    seconds: Double, joules: Double
  ) {
    let shape = evidence.model
    var operations = evidence.operationsLeft(to: exit.afterBlock)
    // The heads on the way are computed while the user speaks, as the blocks are.
    operations += evidence.headOperationsLeft(exit)
    if evidence.exits.isEmpty, evidence.streamed == nil {
      operations += shape.frontEndOperations * evidence.frameCount
    }
    return (
      operations / max(evidence.deviceSpeed ?? device.operationsPerSecond, 1),
      operations * device.joulesPerGigaoperation * 1e-9
    )
  }

  /// Joules that the device draws for computing so long.
  func joules(computingFor seconds: Double, _ evidence: Evidence) -> Double {
    seconds * operationsPerSecond(evidence) * device.joulesPerGigaoperation * 1e-9
  }

  /// What an offload's predicted latency is made of; `predictions` put it together at the medians.
  func parts(ofOffload cost: PredictedCost, link: LinkEstimate, edge: EdgeEstimate) -> OffloadParts
  {
    let bits = max(0, cost.bytes - (cost.bytesAhead ?? 0) - model.answerBytes) * 8
    let bandwidth = max(link.bandwidth?.median ?? model.assumedBandwidth, 1)
    let roundTrip = link.roundTrip?.median ?? model.assumedRoundTrip
    let known = bits / bandwidth + roundTrip + edge.expectedWait + cost.serverSeconds
    return OffloadParts(
      deviceSeconds: max(0, cost.latency - known), bits: bits, serverSeconds: cost.serverSeconds)
  }

  /// The transcript is there: only its errors count.
  private func stopCost(errors: Double?) -> PredictedCost {
    PredictedCost(
      latency: 0, energy: 0, bytes: 0, serverSeconds: 0, expectedErrors: errors,
      errorTotal: errorTotal(errors),
      total: total(latency: 0, energy: 0, bytes: 0, server: 0, errors: errors))
  }

  private func nextExitCost(
    _ evidence: Evidence, to next: ModelShape.ExitPoint, errors: Double?
  ) -> PredictedCost {
    let (latency, energy) = localWork(evidence, to: next)
    return PredictedCost(
      latency: latency, energy: energy, bytes: 0, serverSeconds: 0, expectedErrors: errors,
      errorTotal: errorTotal(errors),
      total: total(latency: latency, energy: energy, bytes: 0, server: 0, errors: errors))
  }

  private func offloadCost(
    _ evidence: Evidence, splitLayer: Int, rate: FeatureRate, packetDuration: Double,
    errors: Double?
  ) -> PredictedCost {
    let shape = evidence.model
    let frames = evidence.frameCount
    // What the device still has to compute before it can ship this layer.
    var deviceWork = evidence.operationsLeft(to: splitLayer)
    if evidence.exits.isEmpty, evidence.streamed == nil {
      deviceWork += shape.frontEndOperations * frames
    }
    let computing = deviceWork / max(evidence.deviceSpeed ?? device.operationsPerSecond, 1)

    let bytes = bytes(
      evidence, splitLayer: splitLayer, rate: rate, packetDuration: packetDuration)
    let bandwidth = max(evidence.link.bandwidth?.median ?? model.assumedBandwidth, 1)
    let roundTrip = evidence.link.roundTrip?.median ?? model.assumedRoundTrip
    let sending = bytes.left * 8 / bandwidth

    let serverWork =
      (shape.operations(blocks: splitLayer, to: shape.blockCount) + shape.secondPassOperations)
      * frames
    let serverSeconds = serverWork / max(model.edgeOperationsPerSecond, 1)

    let latency = computing + sending + roundTrip + evidence.edge.expectedWait + serverSeconds
    // While the user speaks the radio is kept awake; afterwards that is behind it, and its tail comes anyway.
    var radioJoules = radio.joules(
      sent: bytes.ahead + bytes.left, received: model.answerBytes,
      transferSeconds: bytes.ahead > 0 ? evidence.secondsHeard + sending : sending)
    if evidence.streamed?.sent != nil { radioJoules -= radio.tailSeconds * radio.tailWatts }
    let energy = deviceWork * device.joulesPerGigaoperation * 1e-9 + radioJoules
    let total = bytes.ahead + bytes.left + model.answerBytes
    return PredictedCost(
      latency: latency, energy: energy, bytes: total, serverSeconds: serverSeconds,
      expectedErrors: errors, errorTotal: errorTotal(errors),
      total: self.total(
        latency: latency, energy: energy, bytes: total,
        server: serverSeconds * (model.weights.serverSecond + evidence.edge.price), errors: errors),
      bytesAhead: bytes.ahead > 0 ? bytes.ahead : nil)
  }

  /// Bytes to send, framing included: those that are over by the time at which the user stops speaking, and those
  /// that are left then.
  ///
  /// After the end, what the edge has acknowledged is neither: it is paid for. While the user speaks it is taken to
  /// have been sent ahead since the utterance began: all but the last packet, or as much as the link carries meanwhile.
  func bytes(
    _ evidence: Evidence, splitLayer: Int, rate: FeatureRate, packetDuration: Double
  ) -> (ahead: Double, left: Double) {
    let frames = evidence.frameCount
    let duration = max(packetDuration, 0.001)
    let framesPerPacket = max(1, duration * evidence.model.framesPerSecond)
    func size(_ frames: Double) -> Double {
      frames <= 0
        ? 0
        : frames * rate.bytesPerFrame
          + max(1, (frames / framesPerPacket).rounded(.up)) * model.packetOverheadBytes
    }
    guard let streamed = evidence.streamed else {
      let packets = max(1, (evidence.utteranceSeconds / duration).rounded(.up))
      return (0, frames * rate.bytesPerFrame + packets * model.packetOverheadBytes)
    }
    if streamed.isSpeaking {
      let all = size(frames)
      let carried =
        streamed.secondsHeard * (evidence.link.bandwidth?.median ?? model.assumedBandwidth) / 8
      let ahead = max(0, min(all - size(min(framesPerPacket, frames)), carried))
      return (ahead, all - ahead)
    }
    guard let sent = streamed.sent, sent.splitLayer == splitLayer, sent.codec == rate.codec else {
      return (0, size(frames))
    }
    return (0, size(max(0, frames - sent.frames)))
  }

  /// What sending ahead is expected to gain over sending when the user has stopped, in cost units, for an utterance
  /// as long as what was heard: the time that is not waited for, less a radio that is kept awake, less what is sent in
  /// vain if the utterance is not offloaded after all.
  /// - Parameter likelihood: that it is offloaded.
  func speculationGain(_ evidence: Evidence, plan: SpeculationPlan, likelihood: Double) -> Double {
    guard let rate = evidence.options.rates.first(where: { $0.codec == plan.codec }) else {
      return 0
    }
    let bytes = bytes(
      evidence, splitLayer: plan.splitLayer, rate: rate, packetDuration: plan.packetDuration)
    let saved = bytes.ahead * 8 / max(evidence.link.bandwidth?.median ?? model.assumedBandwidth, 1)
    let weights = model.weights
    let awake = radio.activeWatts * max(0, evidence.secondsHeard - saved)
    let wasted =
      radio.joules(sent: bytes.ahead, received: 0, transferSeconds: evidence.secondsHeard)
      * weights.joule + bytes.ahead * 1e-6 * weights.megabyte
    return likelihood * (saved * weights.latencySecond - awake * weights.joule)
      - (1 - likelihood) * wasted
  }

  /// The device's speed in operations/s: as measured, or else as its class has it.
  func operationsPerSecond(_ evidence: Evidence) -> Double {
    evidence.deviceSpeed ?? device.operationsPerSecond
  }

  private func errorTotal(_ errors: Double?) -> Double {
    (errors ?? 0) * model.weights.wordError
  }

  private func total(
    latency: Double, energy: Double, bytes: Double, server: Double, errors: Double?
  ) -> Double {
    let weights = model.weights
    return latency * weights.latencySecond + energy * weights.joule
      + bytes * 1e-6 * weights.megabyte + server + errorTotal(errors)
  }
}
