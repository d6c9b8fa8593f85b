/// What the latency of an offload is made of.
struct OffloadParts {
  /// Seconds of computing on the device before the layer can be shipped.
  var deviceSeconds: Double
  /// Bits to send from the utterance's end on, framing included.
  var bits: Double
  /// Seconds of one edge core.
  var serverSeconds: Double
}
