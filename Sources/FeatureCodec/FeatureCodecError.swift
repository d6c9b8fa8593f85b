/// What can be wrong with features or with a payload. Frames and values are counted from 0.
public enum FeatureCodecError: Error, Hashable, Sendable {
  /// A dimension or packet length that is not positive.
  case notPositive(what: String, value: Int)
  /// No codec has this index.
  case unknownIndex(Int)
  /// No codec has this name.
  case unknownName(String)
  /// The number of values is not a whole number of frames.
  case partialFrame(values: Int, dimension: Int)
  /// A feature to encode is NaN or infinite.
  case nonFiniteFeature(frame: Int, column: Int)
  /// A payload's size does not fit the announced number of frames.
  case wrongPayloadSize(codec: String, expected: Int, found: Int, frames: Int)
  /// A decoded value, or a frame's scale, is NaN or infinite.
  case nonFinitePayload(codec: String, frame: Int)
  /// A frame's scale is below zero.
  case negativeScale(frame: Int)
  /// A byte that no encoder writes (-128).
  case valueOutOfRange(frame: Int, column: Int)
}

extension FeatureCodecError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notPositive(let what, let value):
      "\(what) is \(value); it must be at least 1"
    case .unknownIndex(let index):
      "no feature codec has index \(index); known are 0 to \(FeatureCodec.table.count - 1). "
        + "Update the older end"
    case .unknownName(let name):
      "no feature codec is called '\(name)'; known are "
        + FeatureCodec.names.joined(separator: ", ")
    case .partialFrame(let values, let dimension):
      "\(values) feature values are no whole number of frames of \(dimension)"
    case .nonFiniteFeature(let frame, let column):
      "feature \(column) of frame \(frame) is not finite; the encoder's weights or its audio are damaged"
    case .wrongPayloadSize(let codec, let expected, let found, let frames):
      "the payload has \(found) bytes where \(frames) frames of \(codec) take \(expected)"
    case .nonFinitePayload(let codec, let frame):
      "frame \(frame) of the \(codec) payload holds a value that is not finite; it was damaged or "
        + "its sender does not check its features"
    case .negativeScale(let frame):
      "the scale of frame \(frame) is negative; the payload was damaged"
    case .valueOutOfRange(let frame, let column):
      "value \(column) of frame \(frame) is -128, which no encoder writes; the payload was damaged"
    }
  }
}
