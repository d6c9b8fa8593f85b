/// Stops a decoder that says the same over and over, as Whisper does on windows shorter than it was trained on.
///
/// Three times the same n tokens in a row are a loop, but a short n must come more often: people do say "two two two".
public struct LoopGuard: Sendable, Equatable {
  /// Times that n tokens must come one after the other.
  public var repetitions = 3
  /// Tokens that these must come to together.
  public var tokens = 9
  /// The longest n that is looked for.
  public var longest = 32

  public init() {}

  /// How many of the last tokens to take away, so that the loop is there once; nil where there is no loop.
  public func excess(_ text: [Int]) -> Int? {
    guard !text.isEmpty else { return nil }
    for n in 1...min(longest, text.count) {
      let times = max(repetitions, (tokens + n - 1) / n)
      guard n * times <= text.count else { continue }
      let start = text.count - n * times
      if (start..<(text.count - n)).allSatisfy({ text[$0] == text[$0 + n] }) {
        return n * (times - 1)
      }
    }
    return nil
  }
}
