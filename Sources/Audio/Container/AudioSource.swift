/// Sound of one segment as its format has it, before mixing and resampling.
protocol AudioSource: AnyObject {
  /// Samples a second.
  var sourceRate: Int { get }
  var channels: Int { get }
  /// What the user should know and need not act on.
  var remark: String? { get }
  /// What the header promised and was not there; known when `read` has returned 0.
  var missing: MissingAudio? { get }

  /// Reads at most so many frames, interleaved in [-1, 1], into `block`, which has room for them.
  ///
  /// - Returns: How many were read; 0 at the end.
  func read(_ block: inout [Float], frames: Int) -> Int
}

struct MissingAudio: Equatable {
  var promisedSeconds: Double
  var missingSeconds: Double
  var reason: String
}
