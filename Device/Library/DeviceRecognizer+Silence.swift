import Audio
import Offload

// Silence is part of the job: it is not recognized, not sent, and not taken for words.
extension DeviceRecognizer {
  /// The samples that are worth recognizing; nil: nobody speaks.
  func speech(in samples: [Float]) -> Range<Int>? {
    guard let kept = configuration.silenceKeptSeconds else { return 0..<samples.count }
    return SpeechBounds.find(
      samples, margin: configuration.speechAboveNoiseDecibels, padding: kept)
  }

  /// What becomes of an utterance in which nobody speaks.
  func silence(_ samples: [Float]) -> Recognition {
    let seconds = Double(samples.count) / Double(AudioReader.sampleRate)
    return Recognition(
      id: (0..<16).map { _ in UInt8.random(in: 0...255) }, text: "", origin: .none, confidence: 1,
      utteranceSeconds: seconds, latencySeconds: 0, deviceSeconds: 0, bytesSent: 0,
      bytesReceived: 0, transferSeconds: 0,
      decisions: [
        Decision(
          policy: policy.name, action: .stop(exit: 1), reason: .noSpeech, predictions: [])
      ],
      exits: [], signalToNoise: SignalToNoise.estimate(samples),
      link: link?.linkEstimate ?? .unknown, edge: link?.edgeEstimate ?? .unknown,
      actualCost: costs.actualCost(
        MeasuredUse(latency: 0, blocksDone: 0, exitsDone: 0), model: shape,
        utteranceSeconds: seconds))
  }
}
