/// Every bound on the wire, in one place. SPEC.md, section 5, repeats the figures;
/// a test compares the two.
///
/// An edge may announce smaller ones in `Description.limits`, never larger ones, so
/// that a device knows before it sends whether an utterance can be accepted.
public enum ProtocolLimits {
  /// The protocol versions that this code speaks.
  public static let versions: ClosedRange<UInt32> = 1...1
  /// The version that this code puts into `Start` and `DescribeRequest`.
  public static let version: UInt32 = 1

  /// Frames a second at every split layer: log-mel's 100 Hz, subsampled by four
  /// (docs/model-format.md, "Subsampling").
  public static let framesPerSecond: UInt32 = 25
  /// The largest serialized `Packet` or `Answer`, in bytes.
  public static let messageBytes = 1 << 20
  /// The most `Features` packets in one utterance.
  public static let packetsPerUtterance: UInt32 = 3000
  /// The longest utterance, in seconds of speech.
  public static let secondsPerUtterance: UInt32 = 120
  /// Frames that an utterance may have beyond its seconds of speech: the silence that the model appends at the end
  /// (docs/model-format.md, `tailSamples`).
  public static let tailFrames: UInt32 = 25
  /// The longest utterance, in frames.
  public static let framesPerUtterance: UInt32 = secondsPerUtterance * framesPerSecond + tailFrames
  /// The most payload bytes in one utterance, all packets together.
  public static let bytesPerUtterance = 32 << 20
  /// The most values in one frame.
  public static let featureDimension: UInt32 = 4096
  /// The longest wait that a device may ask for, in milliseconds.
  public static let deadlineMilliseconds: UInt32 = 300_000

  /// Bytes of a fingerprint or a checksum: SHA-256.
  public static let digestBytes = 32
  /// Bytes of an utterance id.
  public static let utteranceIDBytes = 16
  /// The longest `traceparent`, in bytes. Version 00 takes 55 (W3C Trace Context,
  /// section 3.2); later versions may be longer.
  public static let traceContextBytes = 128
  /// The longest transcript, in UTF-8 bytes.
  public static let textBytes = 64 << 10
  /// The longest name (model, codec, decoder, server version), in UTF-8 bytes.
  public static let nameBytes = 128
  /// The longest sentence in `Refused`, in UTF-8 bytes: trailing metadata must stay
  /// far below the 8 KiB of headers that HTTP/2 peers commonly allow.
  public static let refusalMessageBytes = 1024
  /// The most codecs, and the most split layers, in a `Description`.
  public static let tableEntries = 64
}
