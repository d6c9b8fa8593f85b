/// What is known of an utterance when the user has stopped.
struct Ending: Sendable {
  /// Of speech.
  var seconds: Double
  /// Decibels.
  var signalToNoise: Double?
  var began: ContinuousClock.Instant
  var deadline: ContinuousClock.Instant
  /// Whether nothing was done ahead.
  var isWhole: Bool
  /// Bytes that had left the device by then, framing included.
  var bytesAhead: Int

  /// By block: frames that have not been through it yet.
  var framesLeft: [Double] = []

  /// Seconds until the deadline.
  var remaining: Double { max(0, ContinuousClock.now.duration(to: deadline).seconds) }
  /// Seconds since the utterance's end.
  var elapsed: Double { began.duration(to: .now).seconds }
}
