/// How the values of one frame become bytes.
public enum FrameLayout: Hashable, Sendable {
  /// `dimension` little-endian binary32 values: lossless.
  case float32
  /// A binary32 scale, then `dimension` signed bytes: value = scale * byte, bytes in -127...127.
  case scaledInt8
}
