/// How a model's windows are laid over the speech.
public struct WhisperOptions: Sendable, Equatable {
  /// Whether every window is as long as the longest, 30 s, as the public weights were trained. It costs the encoder that much
  /// whatever was said.
  public var padsWindows = false
  /// Seconds of the shortest window: what is shorter makes the public decoder loop.
  public var minimumSeconds = 2.5
  /// Seconds of silence after the speech, at least.
  public var extraSeconds = 0.5
  /// Windows are whole multiples of so many seconds.
  public var stepSeconds = 0.5

  /// What is spoken, such as "en", for a multilingual model; nil: what model.json says.
  public var language: String?

  public init(padsWindows: Bool = false, language: String? = nil) {
    self.padsWindows = padsWindows
    self.language = language
  }

  /// Samples of the window over `samples` of speech; never more than the longest.
  func windowSamples(_ samples: Int, _ configuration: WhisperConfiguration) -> Int {
    let longest = configuration.maximumSamples
    guard !padsWindows else { return longest }
    let rate = Double(WhisperConfiguration.sampleRate)
    let seconds = max(minimumSeconds, Double(samples) / rate + extraSeconds)
    let stepSeconds = max(0.04, stepSeconds)
    let steps = (seconds / stepSeconds - 1e-9).rounded(.up)
    // Two hops make a frame.
    let frame = 2 * WhisperConfiguration.hopSamples
    let count = (Int((steps * stepSeconds * rate).rounded()) + frame - 1) / frame * frame
    return min(longest, count)
  }
}
