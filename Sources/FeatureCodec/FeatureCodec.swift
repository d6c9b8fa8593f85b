import Basics

/// One way of writing encoder features as bytes: a row of the codec table.
///
/// A codec is named on the wire and in the decision log by its `index` in `FeatureCodec.table`
/// (a *rate*). Indices are never reused: a new codec gets a new row at the end.
/// Frames are rows of `dimension` values, one frame after the other.
public struct FeatureCodec: Hashable, Sendable {
  /// Position in `FeatureCodec.table`.
  public let index: Int
  /// The name used in configuration and reports.
  public let name: String
  /// How a frame is laid out in bytes.
  public let layout: FrameLayout

  /// Every codec, in the order of their indices.
  public static let table: [FeatureCodec] = [
    FeatureCodec(index: 0, name: "float32", layout: .float32),
    FeatureCodec(index: 1, name: "int8", layout: .scaledInt8),
  ]

  /// Every codec's name, in the order of their indices.
  public static var names: [String] { table.map(\.name) }

  /// True if decoding gives the very bits that were encoded.
  public var isLossless: Bool { layout == .float32 }

  /// The codec at `index`.
  /// - Throws: `FeatureCodecError.unknownIndex`.
  public static func at(_ index: Int) throws(FeatureCodecError) -> FeatureCodec {
    guard table.indices.contains(index) else { throw .unknownIndex(index) }
    return table[index]
  }

  /// The codec called `name`.
  /// - Throws: `FeatureCodecError.unknownName`, which lists the known ones.
  public static func named(_ name: String) throws(FeatureCodecError) -> FeatureCodec {
    guard let codec = table.first(where: { $0.name == name }) else { throw .unknownName(name) }
    return codec
  }

  /// Bytes that one frame of `dimension` values takes; every frame takes the same.
  public func bytesPerFrame(dimension: Int) -> Int {
    switch layout {
    case .float32: 4 * dimension
    case .scaledInt8: 4 + dimension
    }
  }

  /// What both ends must agree on, in words; `fingerprint` is its hash.
  ///
  /// Changing the meaning of any byte that a codec writes means changing this text.
  public static let description = """
    tandem feature codecs, version 1
    frames follow one another without padding; numbers are little-endian
    0 float32: dimension IEEE 754 binary32 values
    1 int8: scale as IEEE 754 binary32 (finite, not negative), then dimension signed bytes in \
    -127...127; value = scale * byte

    """

  /// SHA-256 of `description` in UTF-8, as 64 lower-case hexadecimal digits. Device and edge compare
  /// it before any feature is accepted.
  public static let fingerprint: String = SHA256.hash(of: description.utf8).hexadecimal
}
