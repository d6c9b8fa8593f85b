import Crypto
public import Foundation

/// The edge's side of one utterance: checks the order, the bounds and the checksum of
/// the packets of one `Recognize` stream (SPEC.md, sections 3 to 5).
///
/// A value without sockets, clocks or models: what the edge serves is handed in, and
/// what may be done with a packet comes out.
public struct PacketSequence: Sendable {
  /// What the packet was.
  public enum Event: Sendable {
    case start(Tandem_V1_Start)
    /// In order and without a gap.
    case features(Tandem_V1_Features)
    /// All frames are here and their checksum holds.
    case end(totalFrames: UInt32)
  }

  /// What this edge serves: taken from the `Description` that it answers with, so that
  /// the two cannot disagree.
  public struct Rules: Sendable {
    public var description: Tandem_V1_Description

    public init(_ description: Tandem_V1_Description) { self.description = description }
  }

  private enum State {
    case expectingStart
    case receiving(Tandem_V1_Start)
    case ended
  }

  private let rules: Rules
  private var state = State.expectingStart
  private var frames: UInt32 = 0
  private var packets: UInt32 = 0
  private var bytes = 0
  private var sawShortPacket = false
  private var hash = SHA256()

  public init(_ rules: Rules) { self.rules = rules }

  /// Frames received so far: what `Acknowledged` carries.
  public var receivedFrames: UInt32 { frames }

  /// Takes the next packet.
  ///
  /// - Throws: ``PacketRefusal``; the stream ends with it, and nothing may be taken after.
  public mutating func take(_ packet: Tandem_V1_Packet) throws(PacketRefusal) -> Event {
    switch (state, packet.kind) {
    case (.expectingStart, .start(let start)):
      try check(start)
      state = .receiving(start)
      return .start(start)
    case (.receiving(let start), .features(let features)):
      try check(features, start)
      frames += features.frameCount
      packets += 1
      bytes += features.payload.count
      hash.update(data: features.payload)
      sawShortPacket = features.frameCount < start.framesPerPacket
      return .features(features)
    case (.receiving, .end(let end)):
      try check(end)
      state = .ended
      return .end(totalFrames: frames)
    case (_, nil):
      throw PacketRefusal(.malformed, "a packet without start, features or end")
    case (.expectingStart, _):
      throw PacketRefusal(.malformed, "the first packet must be start")
    case (.receiving, .start):
      throw PacketRefusal(.malformed, "a second start in one stream")
    case (.ended, _):
      throw PacketRefusal(.malformed, "a packet after end")
    }
  }

  /// The stream has ended, or been half-closed, without another packet.
  ///
  /// - Throws: ``PacketRefusal`` if `end` had not come: the utterance is not whole.
  public func finish() throws(PacketRefusal) {
    guard case .ended = state else {
      throw PacketRefusal(.malformed, "the stream ended after \(frames) frames without end")
    }
  }

  // MARK: Start

  private func check(_ start: Tandem_V1_Start) throws(PacketRefusal) {
    let description = rules.description
    let versions = description.protocolVersionMinimum...description.protocolVersionMaximum
    guard versions.contains(start.protocolVersion) else {
      throw PacketRefusal(
        .version,
        "protocol version \(start.protocolVersion), but this edge speaks \(versions.lowerBound) to \(versions.upperBound)"
      )
    }
    try check(start.modelFingerprint, description.modelFingerprint, "model", .modelFingerprint)
    try check(start.codecFingerprint, description.codecFingerprint, "codec", .codecFingerprint)
    guard
      let layer = description.splitLayers.first(where: { $0.layer == start.splitLayer })
    else {
      let allowed = description.splitLayers.map { "\($0.layer)" }.joined(separator: ", ")
      throw PacketRefusal(
        .splitLayer, "split layer \(start.splitLayer), but this edge allows \(allowed)")
    }
    guard description.codecs.contains(where: { $0.index == start.codec }) else {
      let known = description.codecs.map { "\($0.index) (\($0.name))" }.joined(separator: ", ")
      throw PacketRefusal(.codec, "codec \(start.codec), but this edge knows \(known)")
    }
    guard start.featureDimension == layer.dimension else {
      throw PacketRefusal(
        .dimension,
        "\(start.featureDimension) values a frame, but layer \(layer.layer) has \(layer.dimension)")
    }
    guard start.utteranceID.count == ProtocolLimits.utteranceIDBytes else {
      throw PacketRefusal(
        .malformed,
        "an utterance id of \(start.utteranceID.count) bytes instead of \(ProtocolLimits.utteranceIDBytes)"
      )
    }
    guard (1...ProtocolLimits.framesPerUtterance).contains(start.framesPerPacket) else {
      throw PacketRefusal(
        .malformed,
        "\(start.framesPerPacket) frames a packet instead of 1 to \(ProtocolLimits.framesPerUtterance)"
      )
    }
    guard start.traceContext.utf8.count <= ProtocolLimits.traceContextBytes else {
      throw PacketRefusal(
        .malformed, "a trace context of more than \(ProtocolLimits.traceContextBytes) bytes")
    }
    guard start.deadlineMilliseconds > 0 else {
      throw PacketRefusal(.deadlinePassed, "no time is left: the deadline is 0 milliseconds away")
    }
    guard start.deadlineMilliseconds <= ProtocolLimits.deadlineMilliseconds else {
      throw PacketRefusal(
        .malformed,
        "a deadline \(start.deadlineMilliseconds) milliseconds away; the most is \(ProtocolLimits.deadlineMilliseconds)"
      )
    }
  }

  private func check(
    _ theirs: Data, _ ours: Data, _ thing: String, _ reason: Tandem_V1_RefusalReason
  ) throws(PacketRefusal) {
    guard theirs.count == ProtocolLimits.digestBytes else {
      throw PacketRefusal(
        .malformed,
        "a \(thing) fingerprint of \(theirs.count) bytes instead of \(ProtocolLimits.digestBytes)")
    }
    guard theirs == ours else {
      throw PacketRefusal(
        reason,
        "the device's \(thing) has fingerprint \(Self.short(theirs)), this edge's has \(Self.short(ours))"
      )
    }
  }

  /// The first eight bytes in hexadecimal: enough to tell two models apart in a log.
  private static func short(_ digest: Data) -> String {
    digest.prefix(8).map {
      let text = String($0, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined() + "…"
  }

  // MARK: Features and end

  private func check(
    _ features: Tandem_V1_Features, _ start: Tandem_V1_Start
  ) throws(PacketRefusal) {
    let limits = rules.description.limits
    guard packets < limits.packetsPerUtterance else {
      throw PacketRefusal(
        .tooLong, "more than \(limits.packetsPerUtterance) packets in one utterance")
    }
    guard features.firstFrame == frames else {
      throw PacketRefusal(
        .sequenceGap,
        "a packet begins at frame \(features.firstFrame), but frame \(frames) comes next")
    }
    guard features.frameCount > 0, !features.payload.isEmpty else {
      throw PacketRefusal(.malformed, "a features packet without frames or without payload")
    }
    guard features.frameCount <= start.framesPerPacket, !sawShortPacket else {
      throw PacketRefusal(
        .malformed,
        "packets carry \(start.framesPerPacket) frames, as start said, and only the last may carry fewer"
      )
    }
    guard
      features.payload.count <= Int(limits.messageBytes) - ProtocolLimits.featuresOverheadBytes
    else {
      throw PacketRefusal(
        .tooLarge,
        "a payload of \(features.payload.count) bytes in a message of at most \(limits.messageBytes)"
      )
    }
    let most = UInt64(limits.secondsPerUtterance) * UInt64(ProtocolLimits.framesPerSecond)
    guard UInt64(frames) + UInt64(features.frameCount) <= most else {
      throw PacketRefusal(
        .tooLong, "more than \(limits.secondsPerUtterance) seconds in one utterance")
    }
    guard bytes + features.payload.count <= Int(limits.bytesPerUtterance) else {
      throw PacketRefusal(
        .tooLarge, "more than \(limits.bytesPerUtterance) payload bytes in one utterance")
    }
  }

  private func check(_ end: Tandem_V1_End) throws(PacketRefusal) {
    guard end.totalFrames == frames else {
      throw PacketRefusal(
        .sequenceGap, "end counts \(end.totalFrames) frames, but \(frames) have come")
    }
    guard end.checksum == Data(hash.finalize()) else {
      throw PacketRefusal(.checksum, "the checksum over \(bytes) payload bytes does not hold")
    }
  }
}
