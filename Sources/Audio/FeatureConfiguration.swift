/// The `features` object of model.json; docs/model-format.md says what each number means.
public struct FeatureConfiguration: Codable, Sendable, Equatable {
  public var sampleRate: Int
  public var windowSamples: Int
  public var hopSamples: Int
  public var fftSize: Int
  public var melBins: Int
  public var lowestHertz: Double
  public var highestHertz: Double
  public var floor: Double
  public var priorFrames: Int
  public var maximumFrames: Int
  public var tailSamples: Int

  /// What is wrong with the numbers, if anything is.
  public var problem: String? {
    if sampleRate != AudioReader.sampleRate { return "sampleRate must be 16000" }
    if fftSize != 512 { return "fftSize must be 512" }
    if !(1...fftSize).contains(windowSamples) { return "windowSamples must be 1 to 512" }
    if !(1...windowSamples).contains(hopSamples) { return "hopSamples must be 1 to windowSamples" }
    if !(4...256).contains(melBins) { return "melBins must be 4 to 256" }
    if !(lowestHertz >= 0 && highestHertz > lowestHertz && highestHertz <= 8_000) {
      return "lowestHertz and highestHertz must ascend within 0 to 8000"
    }
    if !(floor > 0 && floor < 1) { return "floor must lie between 0 and 1" }
    if !(1...1_000_000).contains(priorFrames) { return "priorFrames must be 1 to 1000000" }
    if !(priorFrames...10_000_000).contains(maximumFrames) {
      return "maximumFrames must be at least priorFrames"
    }
    if !(0...160_000).contains(tailSamples) { return "tailSamples must be 0 to 160000" }
    return nil
  }
}
