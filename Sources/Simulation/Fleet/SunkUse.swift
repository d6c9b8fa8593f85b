/// What was sent while the user spoke and was of no use in the end: it costs all the same.
struct SunkUse: Sendable {
  var bytes = 0.0
  /// Of these, bytes of a stream that was withdrawn or lost.
  var streamBytes = 0.0
  /// Seconds that the radio was busy with it.
  var seconds = 0.0

  static let none = SunkUse()

  static func + (a: SunkUse, b: SunkUse) -> SunkUse {
    SunkUse(
      bytes: a.bytes + b.bytes, streamBytes: a.streamBytes + b.streamBytes,
      seconds: a.seconds + b.seconds)
  }
}
