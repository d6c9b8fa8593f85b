import Models

extension WhisperModel {
  /// What a short window leaves out of the decoder's memory: the mean encoder output, at every position of the window's second half, of
  /// recordings that end before it.
  ///
  /// The public decoder was trained on windows of 30 s. Given only the frames that hold speech it loops; given these behind them, whose keys and values cost
  /// the encoder nothing, it ends (docs/decisions/0045). Real speech makes a better tail than tones or digital silence, since the features are scaled by the loudest frame.
  ///
  /// - Parameter recordings: 16 kHz samples; what is longer than half a window is passed over.
  /// - Returns: `[positions / 2, d]`, for `decoder.silenceTail`; nil where no recording is short enough.
  /// - Throws: `ModelError.deviceOnly` when only the device's part was loaded.
  public func silenceTail(of recordings: [[Float]]) throws(ModelError) -> [Float]? {
    let edge = try edgePart()
    let positions = configuration.encoder.positions
    let first = positions / 2
    let count = (positions - first) * dimension
    var sum = [Double](repeating: 0, count: count)
    var used = 0.0
    for samples in recordings where samples.count <= configuration.maximumSamples / 2 {
      let encoder = WhisperEncoder(model: self, side: .device, firstLayer: 0, depth: blockCount)
      encoder.append(
        window: samples
          + [Float](repeating: 0, count: configuration.maximumSamples - samples.count))
      encoder.finish()
      var frames = Array(try lastFrames(encoder).suffix(count))
      frames.withUnsafeMutableBufferPointer {
        edge.norm.apply($0.baseAddress!, rows: positions - first, into: $0.baseAddress!)
      }
      for i in 0..<count { sum[i] += Double(frames[i]) }
      used += 1
    }
    return used > 0 ? sum.map { Float($0 / used) } : nil
  }
}
