import Audio
import Conformer
import Decoding
import FeatureCodec
import Models
import Offload
import SpeechModels
import TandemDevice
import TandemEdge
import Whisper

/// The ways from an utterance to a transcript, in one process: every exit, and the edge where the model has a second pass.
public struct Paths: Sendable {
  public let model: any SpeechModel
  /// nil for a model of exits alone.
  private let edge: EdgeRecognizer?
  /// What the device's features go through on their way to the edge.
  public let codec: FeatureCodec

  /// Language model and lexicon for the exits; nil for greedy search.
  public let exitFusion: WordFusion?
  /// Prefixes of the exits' beam search, where there is something to search with.
  public let exitBeamWidth: Int
  /// What makes a probability of the exits' confidences.
  public let exitConfidence: ExitConfidence

  /// - Parameters:
  ///   - beamWidth: nil takes what the model's family usually takes: 8, or 1 for Whisper's.
  ///   - languageModel: of the edge's search; nil for none, and none where the model lacks it.
  ///   - exitLanguageModel: of the exits; nil for greedy search.
  ///   - lexicon: allows its words only, at the edge and at the exits.
  ///   - weights: nil takes what was tuned for the model.
  ///   - needsEdge: false takes a model of exits alone too.
  /// - Throws: `ModelError`, `LanguageModelError`, `DecodingSettingsError`, `ExitConfidenceError`.
  public init(
    modelDirectory: String, beamWidth: Int? = 4,
    decoder: ModelConfiguration.SecondPassDecoder? = nil,
    languageModel: LanguageModelSide? = .edge,
    exitLanguageModel: LanguageModelSide? = nil, lexicon: Lexicon? = nil,
    weights: SearchWeights? = nil, codec: FeatureCodec, needsEdge: Bool = true,
    options: WhisperOptions = WhisperOptions()
  ) throws {
    let edge: EdgeRecognizer?
    do {
      let whole = try SpeechModels.load(
        directory: modelDirectory, parts: .edge, options: options)
      edge = try EdgeRecognizer(
        model: whole, beamWidth: beamWidth ?? (whole is WhisperModel ? 1 : 8), decoder: decoder,
        languageModel: languageModel,
        lexicon: lexicon, weights: weights, language: options.language)
    } catch ModelError.deviceOnly where !needsEdge {
      edge = nil  // exits alone
    }
    model =
      try edge?.model
      ?? SpeechModels.load(
        directory: modelDirectory, parts: .device, options: options)
    self.edge = edge
    exitFusion = try WordFusion.make(
      model: model, side: exitLanguageModel, lexicon: lexicon, decoder: .ctc, weights: weights)
    exitBeamWidth = beamWidth ?? 8
    exitConfidence = try ExitConfidence.load(directory: modelDirectory)
    self.codec = codec
  }

  public var hasEdge: Bool { edge != nil }

  /// How the edge's transcripts are made, such as "transducer-beam-8"; nil for a model of exits alone.
  public var edgeDecoderName: String? { edge?.decoderName }

  /// - Throws: `ModelError.deviceOnly` for a model of exits alone.
  private func recognizer() throws(ModelError) -> EdgeRecognizer {
    guard let edge else { throw .deviceOnly(path: model.directory) }
    return edge
  }

  /// How the exits' transcripts are made, such as "ctc-greedy".
  public var exitDecoderName: String {
    guard model.exitVocabulary != nil else { return "whisper-greedy" }
    guard let exitFusion else { return "ctc-greedy" }
    return "ctc-beam-\(exitBeamWidth)" + (exitFusion.hasLanguageModel ? "-lm" : "")
      + (exitFusion.isConstrained ? "-lexicon" : "")
  }

  /// The samples, cut at pauses as a device cuts them where they are longer than the model hears at a time.
  public func parts(of samples: [Float]) -> [[Float]] {
    guard let longest = model.maximumSeconds,
      samples.count > Int(longest * Double(AudioReader.sampleRate))
    else { return [samples] }
    var endpointer = Endpointer(maximumSeconds: longest)
    let parts = endpointer.append(samples) + [endpointer.finish()].compactMap { $0 }
    return parts.map(\.samples)
  }

  /// The whole first pass. `piece` milliseconds of audio at a time, or all at once with nil.
  public func encode(_ samples: [Float], piece: Int? = nil) -> any SpeechEncoder {
    let encoder = model.makeEncoder(firstLayer: 0, depth: model.blockCount)
    if let piece {
      let size = max(1, piece * AudioReader.sampleRate / 1_000)
      for start in stride(from: 0, to: samples.count, by: size) {
        encoder.append(samples: samples[start..<min(start + size, samples.count)])
      }
    } else {
      encoder.append(samples: samples)
    }
    encoder.finish()
    return encoder
  }

  /// One exit's result: what greedy search found, what the controller is told of it, and the transcript.
  public struct ExitReading: Sendable {
    public var evidence: ExitEvidence
    public var search: CTCSearch.Result
    /// Greedy search's, or a beam's where there is a language model or a lexicon for the exits.
    public var text: String
  }

  /// Every exit, shallowest first, each searched once.
  public func exits(of encoder: any SpeechEncoder) -> [ExitReading] {
    var all: [ExitReading] = []
    for number in 1...model.exitCount {
      let reading = read(number, of: encoder)
      let evidence = ExitEvidence(
        exit: number, afterBlock: model.exitDepths[number - 1], search: reading.search,
        previous: all.last?.search, confidence: exitConfidence)
      all.append(
        ExitReading(evidence: evidence, search: reading.search, text: reading.hypothesis.text))
    }
    return all
  }

  /// Exit `number` (from 1): its confidences are always greedy search's, its transcript is a beam's where there is a language
  /// model or a lexicon for it.
  public func exit(_ number: Int, of encoder: any SpeechEncoder) -> CTCSearch.Result {
    let reading = read(number, of: encoder)
    var result = reading.search
    result.hypothesis = reading.hypothesis
    return result
  }

  private func read(_ number: Int, of encoder: any SpeechEncoder) -> Decoding.ExitReading {
    Decoding.ExitReading(
      encoder.output(ofExit: number - 1), vocabulary: model.exitVocabulary, fusion: exitFusion,
      beamWidth: exitBeamWidth)
  }

  /// What the edge answers when `encoder`'s features at `splitLayer` are shipped through the codec in
  /// packets of eight frames.
  public func edge(_ encoder: any SpeechEncoder, splitLayer: Int) throws -> Hypothesis {
    try edge(encoder, splitLayer: splitLayer, codec: codec)
  }

  /// The same through another codec.
  public func edge(_ encoder: any SpeechEncoder, splitLayer: Int, codec: FeatureCodec) throws
    -> Hypothesis
  {
    try recognizer().recognize(try shipped(encoder, splitLayer: splitLayer, codec: codec))
  }

  /// What the second encoder makes of features that were shipped through the codec.
  public func secondPass(_ encoder: any SpeechEncoder, splitLayer: Int) throws -> SecondPass {
    // Only the Conformer's second pass is a second encoder.
    guard let model = model as? Model else { throw ModelError.deviceOnly(path: model.directory) }
    let far = try shipped(encoder, splitLayer: splitLayer, codec: codec)
    far.finish()
    return try model.secondPass(far.frames(at: model.blockCount))
  }

  /// The edge's half of the first pass, fed with what came out of the codec.
  private func shipped(_ encoder: any SpeechEncoder, splitLayer: Int, codec: FeatureCodec) throws
    -> any SpeechEncoder
  {
    let d = model.dimension
    var packetiser = try Packetiser(
      encoder: FeatureEncoder(codec: codec, dimension: d), framesPerPacket: 8)
    let decoder = FeatureDecoder(codec: codec)
    let far = try recognizer().makeEncoder(splitLayer: splitLayer)
    var packets = try packetiser.append(encoder.frames(at: splitLayer))
    if let last = try packetiser.finish() { packets.append(last) }
    for packet in packets {
      far.append(
        features: try decoder.decode(packet.payload, frames: packet.frameCount, dimension: d))
    }
    return far
  }

  /// The same without any split: what the edge's decoder makes of the device's own last layer.
  public func unsplit(_ encoder: any SpeechEncoder) throws -> Hypothesis {
    try recognizer().recognize(encoder)
  }
}
