import Conformer
import Decoding
import Models
import Whisper

/// What an edge does beyond the device's blocks: the one place where it matters which family a model is of.
enum SecondPassRecognizer: Sendable {
  /// A second encoder, and whichever head.
  case conformer(Model, SecondPassSearch)
  /// The rest of the encoder, and the decoder.
  case whisper(WhisperModel, DecoderSearch.Options)

  /// - Parameter splitLayer: the layer whose features will be fed.
  func makeEncoder(splitLayer: Int) throws(ModelError) -> any SpeechEncoder {
    switch self {
    case .conformer(let model, _):
      return model.makeEncoder(firstLayer: splitLayer, depth: model.blockCount)
    case .whisper(let model, _):
      return try model.makeEdgeEncoder(firstLayer: splitLayer)
    }
  }

  /// The transcript of an encoder of `makeEncoder`, or of the device's own that has come to its last block.
  ///
  /// - Throws: `ModelError`; `CancellationError` when `isCancelled` says so between layers, frames or tokens.
  func recognize(_ encoder: any SpeechEncoder, isCancelled: () -> Bool) throws -> Hypothesis {
    encoder.finish()
    if isCancelled() { throw CancellationError() }
    switch self {
    case .conformer(let model, let search):
      let second = try model.secondPass(encoder.frames(at: model.blockCount))
      if isCancelled() { throw CancellationError() }
      let found = try search.recognize(second, isCancelled: isCancelled)
      if isCancelled() { throw CancellationError() }
      return found.first ?? Hypothesis(tokens: [], text: "", logProbability: 0)
    case .whisper(let model, let options):
      let frames = try model.lastFrames(encoder, isCancelled: isCancelled)
      if isCancelled() { throw CancellationError() }
      let transcript = try model.transcribe(frames, search: options, isCancelled: isCancelled)
      if isCancelled() { throw CancellationError() }
      return Hypothesis(transcript)
    }
  }
}
