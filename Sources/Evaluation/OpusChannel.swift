import Audio
import COpus

/// Speech through libopus and back: what a client without a model sends to a server that has all of it.
///
/// Variable bit rate around a target, as libopus does by default, tuned for voice (RFC 6716). Frames are 20 ms
/// long; at targets below 8 kbit/s 60 ms, since every frame's own overhead (a byte of contents and two of
/// length) would otherwise take a fifth of what there is, and a server waits for packets of many frames anyway.
public struct OpusChannel: Hashable, Sendable {
  /// The encoder's target in bits/s.
  public let bitsPerSecond: Int
  /// Milliseconds a frame.
  public let frameMilliseconds: Int

  /// Targets of the simulator's baselines.
  public static let baselines = [6_000, 12_000, 24_000].map { OpusChannel(bitsPerSecond: $0) }

  /// - Parameter bitsPerSecond: 6,000 to 510,000 are meaningful to Opus.
  public init(bitsPerSecond: Int) {
    self.bitsPerSecond = bitsPerSecond
    frameMilliseconds = bitsPerSecond < 8_000 ? 60 : 20
  }

  /// Such as "opus-12": the target in kbit/s.
  public var name: String { "opus-\(bitsPerSecond / 1_000)" }

  /// What came through.
  public struct Result: Sendable {
    /// As many samples as went in.
    public var samples: [Float]
    /// Bytes of all Opus frames, each with its length before it as protobuf's `repeated bytes` has it. Framing of
    /// the stream's packets, which hold many frames, comes on top.
    public var bytes: Int
    public var frames: Int
  }

  /// Encodes and decodes 16 kHz samples in [-1, 1].
  /// - Throws: `OpusError`.
  public func send(_ samples: [Float]) throws(OpusError) -> Result {
    let rate = Int32(AudioReader.sampleRate)
    var code: Int32 = OPUS_OK
    guard let encoder = opus_encoder_create(rate, 1, OPUS_APPLICATION_VOIP, &code) else {
      throw OpusError(doing: "make an encoder", code: code)
    }
    defer { opus_encoder_destroy(encoder) }
    guard let decoder = opus_decoder_create(rate, 1, &code) else {
      throw OpusError(doing: "make a decoder", code: code)
    }
    defer { opus_decoder_destroy(decoder) }
    try check(copus_set_bitrate(encoder, Int32(bitsPerSecond)), "set \(bitsPerSecond) bit/s")
    try check(copus_set_voice(encoder), "choose voice")
    var lookahead: Int32 = 0
    try check(copus_lookahead(encoder, &lookahead), "ask for the look-ahead")

    let size = frameMilliseconds * AudioReader.sampleRate / 1_000
    // What the look-ahead holds back is pushed out by silence at the end, and cut off at the start.
    let skipped = Int(lookahead)
    let frames = (samples.count + skipped + size - 1) / size
    var input = samples
    input.append(contentsOf: repeatElement(0, count: frames * size - samples.count))
    var output: [Float] = []
    output.reserveCapacity(frames * size)
    // RFC 6716: no frame is larger than 1275 bytes; a packet of 60 ms holds three at most.
    var packet = [UInt8](repeating: 0, count: 4_000)
    var decoded = [Float](repeating: 0, count: size)
    var bytes = 0
    for frame in 0..<frames {
      let length = opus_encode_float(
        encoder, Array(input[(frame * size)..<((frame + 1) * size)]), Int32(size), &packet,
        Int32(packet.count))
      guard length >= 0 else { throw OpusError(doing: "encode", code: length) }
      // A tag, and the length in one byte or two.
      bytes += Int(length) + (length < 128 ? 2 : 3)
      let count = opus_decode_float(decoder, packet, length, &decoded, Int32(size), 0)
      guard count == size else { throw OpusError(doing: "decode", code: min(count, 0)) }
      output.append(contentsOf: decoded)
    }
    return Result(
      samples: Array(output[skipped..<(skipped + samples.count)]), bytes: bytes, frames: frames)
  }

  private func check(_ code: Int32, _ doing: String) throws(OpusError) {
    guard code == OPUS_OK else { throw OpusError(doing: doing, code: code) }
  }
}

/// libopus refused something.
public struct OpusError: Error, Equatable, CustomStringConvertible {
  /// What was tried.
  public var doing: String
  /// libopus' code.
  public var code: Int32

  public var description: String {
    "libopus could not \(doing): \(String(cString: opus_strerror(code)))"
  }
}
