import Basics
import FeatureCodec
import TandemProtocol

/// What an edge serves, and the bounds that it sets: what `Describe` says and `Recognize` checks.
public struct EdgeOffer: Sendable {
  /// SHA-256 of model.json, 32 bytes.
  public var modelFingerprint: [UInt8]
  public var modelName: String
  /// 32 bytes.
  public var codecFingerprint: [UInt8]
  public var splitLayers: ClosedRange<Int>
  /// Values in one frame at every split layer.
  public var dimension: Int
  public var maximumPackets: Int
  public var maximumSeconds: Int
  public var maximumBytes: Int
  public var maximumMessageBytes: Int
  /// The model's.
  public var framesPerSecond: Double
  /// Of the longest utterance that the model hears; nil: any.
  public var longestFrames: Int?

  /// - Parameters:
  ///   - framesPerSecond: the model's.
  ///   - longestFrames: of the longest utterance that the model hears; nil: any.
  public init(
    modelFingerprint: [UInt8], modelName: String, codecFingerprint: [UInt8],
    splitLayers: ClosedRange<Int>, dimension: Int,
    maximumPackets: Int = Int(ProtocolLimits.packetsPerUtterance),
    maximumSeconds: Int = Int(ProtocolLimits.secondsPerUtterance),
    maximumBytes: Int = ProtocolLimits.bytesPerUtterance,
    maximumMessageBytes: Int = ProtocolLimits.messageBytes,
    framesPerSecond: Double = Double(ProtocolLimits.framesPerSecond), longestFrames: Int? = nil
  ) {
    self.modelFingerprint = modelFingerprint
    self.modelName = modelName
    self.codecFingerprint = codecFingerprint
    self.splitLayers = splitLayers
    self.dimension = dimension
    self.maximumPackets = min(maximumPackets, Int(ProtocolLimits.packetsPerUtterance))
    self.maximumSeconds = min(maximumSeconds, Int(ProtocolLimits.secondsPerUtterance))
    self.maximumBytes = min(maximumBytes, ProtocolLimits.bytesPerUtterance)
    self.maximumMessageBytes = min(maximumMessageBytes, ProtocolLimits.messageBytes)
    self.framesPerSecond = framesPerSecond
    self.longestFrames = longestFrames
  }

  /// Of an utterance, at every split layer, with the silence that a model appends.
  public var maximumFrames: Int {
    let tail = Double(ProtocolLimits.tailFrames) / Double(ProtocolLimits.framesPerSecond)
    return min(
      Int(((Double(maximumSeconds) + tail) * framesPerSecond).rounded()),
      Int(ProtocolLimits.framesPerUtterance), longestFrames ?? .max)
  }
}

/// The edge's side of one utterance as a pure state machine: packets in, features or a refusal
/// out (SPEC.md, sections 4 to 6). No socket, no clock, no thread.
public struct UtteranceReception {
  /// What an accepted `Start` said.
  public struct Beginning: Sendable, Equatable {
    public var splitLayer: Int
    public var codec: FeatureCodec
    public var utteranceID: [UInt8]
    public var deadlineMilliseconds: Int
    public var traceContext: String
  }

  public enum Event: Sendable, Equatable {
    case began(Beginning)
    /// Decoded frames, `[n, dimension]`, and how many have come in all.
    case features([Float], total: Int)
    /// All is there and the checksum is right.
    /// - deadlineMilliseconds: from now on; nil: what Start said holds.
    case ended(frames: Int, deadlineMilliseconds: Int?)
  }

  private enum State {
    case awaitingStart
    case receiving(Receiving)
    case ended
    case refused
  }

  private struct Receiving {
    var beginning: Beginning
    var decoder: FeatureDecoder
    var checksum = SHA256()
    var frames = 0
    var packets = 0
    var bytes = 0
  }

  private let offer: EdgeOffer
  private var state = State.awaitingStart

  public init(offer: EdgeOffer) { self.offer = offer }

  public var hasEnded: Bool { if case .ended = state { true } else { false } }

  /// Takes the next packet.
  ///
  /// - Throws: the refusal to answer with; after it every packet is refused.
  public mutating func receive(_ packet: Tandem_V1_Packet) throws(Tandem_V1_Refused) -> Event {
    let before = state
    // Whatever throws below leaves the machine refused.
    state = .refused
    switch (before, packet.kind) {
    case (.awaitingStart, .start(let start)):
      let beginning = try begin(start)
      state = .receiving(
        Receiving(beginning: beginning, decoder: FeatureDecoder(codec: beginning.codec)))
      return .began(beginning)
    case (.receiving(var receiving), .features(let features)):
      let values = try take(features, &receiving)
      state = .receiving(receiving)
      return .features(values, total: receiving.frames)
    case (.receiving(let receiving), .end(let end)):
      try check(end, receiving)
      state = .ended
      return .ended(
        frames: receiving.frames,
        deadlineMilliseconds: end.deadlineMilliseconds == 0 ? nil : Int(end.deadlineMilliseconds))
    case (_, .none):
      throw .init(.malformed, "the packet has no kind; send Start, Features or End")
    case (.awaitingStart, .some):
      throw .init(.malformed, "the first packet must be Start")
    case (.receiving, .start):
      throw .init(.malformed, "a second Start; one stream carries one utterance")
    case (.ended, _):
      throw .init(.malformed, "a packet after End; one stream carries one utterance")
    case (.refused, _):
      throw .init(.malformed, "a packet after a refusal")
    }
  }

  /// The stream is over.
  ///
  /// - Throws: a refusal when End has not come.
  public func finish() throws(Tandem_V1_Refused) {
    switch state {
    case .ended: return
    case .awaitingStart: throw .init(.malformed, "the stream ended before Start")
    case .receiving(let receiving):
      throw .init(
        .malformed, "the stream ended after \(receiving.frames) frames without End")
    case .refused: throw .init(.malformed, "the stream was refused")
    }
  }

  private func begin(_ start: Tandem_V1_Start) throws(Tandem_V1_Refused) -> Beginning {
    guard ProtocolLimits.versions.contains(start.protocolVersion) else {
      throw .init(
        .version,
        "protocol version \(start.protocolVersion); this edge speaks \(ProtocolLimits.versions.lowerBound) to \(ProtocolLimits.versions.upperBound)"
      )
    }
    guard Array(start.modelFingerprint) == offer.modelFingerprint else {
      throw .init(
        .modelFingerprint,
        "the device's model is \(Self.short(start.modelFingerprint)), this edge serves \(offer.modelName) \(Self.short(offer.modelFingerprint)); give both the same model folder"
      )
    }
    guard Array(start.codecFingerprint) == offer.codecFingerprint else {
      throw .init(
        .codecFingerprint,
        "the device's codec table is \(Self.short(start.codecFingerprint)), this edge's \(Self.short(offer.codecFingerprint)); run the same version of Tandem on both"
      )
    }
    guard offer.splitLayers.contains(Int(start.splitLayer)) else {
      throw .init(
        .splitLayer,
        "split layer \(start.splitLayer); this model has \(offer.splitLayers.lowerBound) to \(offer.splitLayers.upperBound)"
      )
    }
    let codec: FeatureCodec
    do {
      codec = try FeatureCodec.at(Int(start.codec))
    } catch {
      throw .init(.codec, error.description)
    }
    guard Int(start.featureDimension) == offer.dimension else {
      throw .init(
        .dimension,
        "\(start.featureDimension) values in a frame; split layer \(start.splitLayer) has \(offer.dimension)"
      )
    }
    guard start.utteranceID.count == ProtocolLimits.utteranceIDBytes else {
      throw .init(
        .malformed,
        "an utterance id of \(start.utteranceID.count) bytes; it has \(ProtocolLimits.utteranceIDBytes)"
      )
    }
    guard start.traceContext.utf8.count <= ProtocolLimits.traceContextBytes else {
      throw .init(
        .malformed, "a trace context longer than \(ProtocolLimits.traceContextBytes) bytes")
    }
    guard (1...ProtocolLimits.deadlineMilliseconds).contains(start.deadlineMilliseconds) else {
      throw .init(
        start.deadlineMilliseconds == 0 ? .deadlinePassed : .malformed,
        "a deadline of \(start.deadlineMilliseconds) ms; ask for 1 to \(ProtocolLimits.deadlineMilliseconds)"
      )
    }
    return Beginning(
      splitLayer: Int(start.splitLayer), codec: codec, utteranceID: Array(start.utteranceID),
      deadlineMilliseconds: Int(start.deadlineMilliseconds), traceContext: start.traceContext)
  }

  private func take(_ features: Tandem_V1_Features, _ receiving: inout Receiving)
    throws(Tandem_V1_Refused) -> [Float]
  {
    guard Int(features.firstFrame) == receiving.frames else {
      throw .init(
        .sequenceGap,
        "a packet begins at frame \(features.firstFrame); frame \(receiving.frames) comes next")
    }
    guard features.frameCount > 0 else { throw .init(.malformed, "a Features packet of 0 frames") }
    receiving.packets += 1
    guard receiving.packets <= offer.maximumPackets else {
      throw .init(.tooLarge, "more than \(offer.maximumPackets) packets in one utterance")
    }
    guard Int(features.frameCount) <= offer.maximumFrames - receiving.frames else {
      throw .init(.tooLong, "more than \(offer.maximumSeconds) seconds in one utterance")
    }
    guard features.payload.count <= offer.maximumBytes - receiving.bytes else {
      throw .init(.tooLarge, "more than \(offer.maximumBytes) bytes in one utterance")
    }
    let values: [Float]
    do {
      values = try receiving.decoder.decode(
        Array(features.payload), frames: Int(features.frameCount), dimension: offer.dimension)
    } catch {
      throw .init(.malformed, error.description)
    }
    receiving.checksum.update(with: features.payload)
    receiving.bytes += features.payload.count
    receiving.frames += Int(features.frameCount)
    return values
  }

  private func check(_ end: Tandem_V1_End, _ receiving: Receiving) throws(Tandem_V1_Refused) {
    guard Int(end.totalFrames) == receiving.frames else {
      throw .init(
        .sequenceGap, "End speaks of \(end.totalFrames) frames; \(receiving.frames) came")
    }
    guard Array(end.checksum) == receiving.checksum.finalize() else {
      throw .init(.checksum, "the payloads do not have the checksum that End carries")
    }
    guard receiving.frames > 0 else { throw .init(.malformed, "an utterance of 0 frames") }
    guard end.deadlineMilliseconds <= ProtocolLimits.deadlineMilliseconds else {
      throw .init(
        .malformed,
        "a deadline of \(end.deadlineMilliseconds) ms; ask for at most \(ProtocolLimits.deadlineMilliseconds)"
      )
    }
  }

  private static func short(_ bytes: some Collection<UInt8>) -> String {
    bytes.isEmpty
      ? "(none)"
      : bytes.prefix(6).hexadecimal + "…"
  }
}
