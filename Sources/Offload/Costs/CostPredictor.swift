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
    let options = evidence.options
    var predictions: [Decision.Prediction] = []
    predictions.reserveCapacity(
      evidence.exits.count + 1 + options.splitLayers.count * options.rates.count
        * options.packetDurations.count)
    for exit in evidence.exits {
      let rate = calibration.entry(exit: exit.exit, criterion: criterion)?.errorRate
        .errorRate(at: exit.confidence(criterion), criterion: criterion)
      predictions.append(
        .init(
          action: .stop(exit: exit.exit),
          cost: stopCost(errors: expectedErrors(rate, evidence))))
    }
    let latest = evidence.exits.last
    let entry = latest.flatMap { calibration.entry(exit: $0.exit, criterion: criterion) }
    let confidence = latest?.confidence(criterion) ?? 0
    if let next = evidence.nextExit {
      let rate = entry?.nextExitErrorRate.errorRate(at: confidence, criterion: criterion)
      predictions.append(
        .init(
          action: .nextExit,
          cost: nextExitCost(evidence, to: next, errors: expectedErrors(rate, evidence))))
    }
    let edgeErrors = expectedErrors(
      entry?.edgeErrorRate.errorRate(at: confidence, criterion: criterion), evidence)
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

  /// Seconds and joules of computing on the device from where it stands up to an exit's transcript.
  func localWork(_ evidence: Evidence, to exit: ModelShape.ExitPoint) -> (
    seconds: Double, joules: Double
  ) {
    let shape = evidence.model
    var perFrame =
      shape.operations(blocks: evidence.blocksDone, to: exit.afterBlock) + shape.exitOperations
    if evidence.exits.isEmpty { perFrame += shape.frontEndOperations }
    let operations = perFrame * evidence.frameCount
    return (
      operations / max(evidence.deviceSpeed ?? device.operationsPerSecond, 1),
      operations * device.joulesPerGigaoperation * 1e-9
    )
  }

  /// What an offload's predicted latency is made of; `predictions` put it together at the medians.
  func parts(ofOffload cost: PredictedCost, link: LinkEstimate, edge: EdgeEstimate) -> OffloadParts
  {
    let bits = max(0, cost.bytes - model.answerBytes) * 8
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
    var deviceWork = shape.operations(blocks: evidence.blocksDone, to: splitLayer) * frames
    if evidence.exits.isEmpty { deviceWork += shape.frontEndOperations * frames }
    let computing = deviceWork / max(evidence.deviceSpeed ?? device.operationsPerSecond, 1)

    let packets = max(1, (evidence.utteranceSeconds / max(packetDuration, 0.001)).rounded(.up))
    let sent = frames * rate.bytesPerFrame + packets * model.packetOverheadBytes
    let bandwidth = max(evidence.link.bandwidth?.median ?? model.assumedBandwidth, 1)
    let roundTrip = evidence.link.roundTrip?.median ?? model.assumedRoundTrip
    let sending = sent * 8 / bandwidth

    let serverWork =
      (shape.operations(blocks: splitLayer, to: shape.blockCount) + shape.secondPassOperations)
      * frames
    let serverSeconds = serverWork / max(model.edgeOperationsPerSecond, 1)

    let latency = computing + sending + roundTrip + evidence.edge.expectedWait + serverSeconds
    let energy =
      deviceWork * device.joulesPerGigaoperation * 1e-9
      + radio.joules(sent: sent, received: model.answerBytes, transferSeconds: sending)
    let bytes = sent + model.answerBytes
    return PredictedCost(
      latency: latency, energy: energy, bytes: bytes, serverSeconds: serverSeconds,
      expectedErrors: errors, errorTotal: errorTotal(errors),
      total: total(
        latency: latency, energy: energy, bytes: bytes,
        server: serverSeconds * (model.weights.serverSecond + evidence.edge.price), errors: errors))
  }

  private func expectedErrors(_ rate: Double?, _ evidence: Evidence) -> Double? {
    rate.map { $0 * model.wordsPerSecond * evidence.utteranceSeconds }
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
