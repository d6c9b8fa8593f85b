import Basics
import Conformer
import Foundation
import Whisper

extension WhisperSource {
  /// Reads a folder that an import wrote, as the base of an adaptation. edge.safetensors is a whole Whisper.
  static func openTandem(_ folder: String) throws(ImportError) -> WhisperSource {
    let path = folder + "/model.json"
    let configuration: WhisperConfiguration
    do {
      configuration = try JSONDecoder().decode(
        WhisperConfiguration.self, from: try SourceFile.contents(path, limit: 1 << 20))
    } catch let error as ImportError {
      throw error
    } catch {
      throw ImportError(
        path: path, problem: "it is not the model.json of an imported Whisper model",
        remedy: "Give the public weights, or a folder that tandem-evaluate import wrote.")
    }
    if let problem = configuration.problem {
      throw ImportError(path: path, problem: problem, remedy: "Import the public weights again.")
    }
    guard let edge = configuration.weights.edge, let origin = configuration.source,
      origin.adaptation == nil
    else {
      throw ImportError(
        path: path, problem: "it is not the plain import of public weights",
        remedy: "Give the public weights, or a folder that was imported without --adaptation.")
    }
    let weightsPath = folder + "/" + edge.file
    let (tensors, digest) = try safetensorsFile(weightsPath, holding: nil)
    guard digest == edge.sha256 else {
      throw ImportError(
        path: weightsPath, problem: "its SHA-256 is \(digest), and model.json says \(edge.sha256)",
        remedy: "Import the public weights again.")
    }
    let (encoder, decoder) = (configuration.encoder, configuration.decoder)
    let source = WhisperSource(
      format: .tandem, path: folder,
      sizes: WhisperSizes(
        melBins: configuration.melBins, dimension: configuration.dimension,
        encoderLayers: encoder.layers, encoderHeads: encoder.heads,
        encoderFeedForward: encoder.feedForward, encoderPositions: encoder.positions,
        decoderLayers: decoder.layers, decoderHeads: decoder.heads,
        decoderFeedForward: decoder.feedForward, decoderPositions: decoder.positions,
        tokens: decoder.tokens),
      tensors: tensors, tokenizer: try SourceTokenizer(folder: folder),
      isMultilingual: decoder.isMultilingual, suppressedTokens: decoder.suppressedTokens,
      suppressedFirstTokens: decoder.suppressedFirstTokens, alignmentHeads: decoder.alignmentHeads,
      digest: origin.sha256)
    try source.check { $0 == "decoder.silenceTail" }
    return source
  }
}
