/// What the policies that may offload share: which offload, and whether anything is known to stand in its way.
struct OffloadChoice {
  var codec: Int
  var packetDuration: Double

  /// The offload at `splitLayer`, or at the deepest layer below it that is available; with the configured
  /// codec and packet duration, or else the first that is available. nil if there is none.
  func action(at splitLayer: Int, in options: OffloadOptions) -> Action? {
    guard let layer = options.splitLayers.filter({ $0 <= splitLayer }).max() else { return nil }
    return action(exactlyAt: layer, in: options)
  }

  /// The offload with the least work on the device.
  func lowestAction(in options: OffloadOptions) -> Action? {
    guard let layer = options.splitLayers.min() else { return nil }
    return action(exactlyAt: layer, in: options)
  }

  private func action(exactlyAt layer: Int, in options: OffloadOptions) -> Action? {
    guard let firstRate = options.rates.first, let firstDuration = options.packetDurations.first
    else { return nil }
    let rate = options.rates.first { $0.codec == codec } ?? firstRate
    let duration = options.packetDurations.contains(packetDuration) ? packetDuration : firstDuration
    return .offload(splitLayer: layer, codec: rate.codec, packetDuration: duration)
  }

  /// Why `action` is known not to work, nil if it may. A link of which nothing is known is tried: that is
  /// how it becomes known, and the device's own transcript is there at the deadline.
  func obstacle(
    to action: Action?, evidence: Evidence, predictions: [Decision.Prediction]
  ) -> Reason? {
    guard let action else { return .noEdge }
    if evidence.link.connectivity == .disconnected { return .linkDown }
    if let cost = predictions.first(where: { $0.action == action })?.cost,
      cost.latency > evidence.deadlineRemaining
    {
      return .deadlineTooShort(
        predictedSeconds: cost.latency, remainingSeconds: evidence.deadlineRemaining)
    }
    return nil
  }
}
