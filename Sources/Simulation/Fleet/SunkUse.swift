/// What was sent while the user spoke and was of no use in the end: it costs all the same.
struct SunkUse: Sendable {
  var bytes = 0.0
  /// Seconds that the radio was busy with it.
  var seconds = 0.0

  static let none = SunkUse()
}
