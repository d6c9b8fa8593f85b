/// How deep a device can compute while the user speaks.
public enum StreamingDepth {
  /// Blocks that can be computed in real time, the heads of the exits on the way included; 0 if not even the first.
  /// - Parameters:
  ///   - operationsPerSecond: the device's speed.
  ///   - share: of that speed, from 0 to 1; the rest is for everything else, and for searching.
  public static func blocks(_ model: ModelShape, operationsPerSecond: Double, share: Double) -> Int
  {
    let budget = operationsPerSecond * share / max(model.framesPerSecond, 1e-6)
    var needed = model.frontEndOperations
    for block in 0..<model.blockCount {
      needed += model.blockOperations[block]
      for exit in model.exits where exit.afterBlock == block + 1 { needed += model.exitOperations }
      if needed > budget { return block }
    }
    return model.blockCount
  }
}
