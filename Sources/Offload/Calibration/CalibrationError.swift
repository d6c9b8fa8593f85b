/// Why a calibration file cannot be used.
public enum CalibrationError: Error, Hashable, Sendable {
  /// The file is no JSON of the expected form.
  case unreadable(path: String, reason: String)
  /// The file was written by a newer version.
  case newerVersion(path: String, found: Int)
  /// An entry makes no sense.
  case badEntry(path: String, place: String, reason: String)
}

extension CalibrationError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "\(path) is no calibration file: \(reason). Fit it again"
    case .newerVersion(let path, let found):
      "\(path) has version \(found), this program reads 1 to \(Calibration.currentVersion). "
        + "Update the program, or fit it again"
    case .badEntry(let path, let place, let reason):
      "\(path), \(place): \(reason). Fit it again"
    }
  }
}
