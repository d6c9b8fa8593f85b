/// A kind of device, for which speed and energy are assumed until they are measured.
public enum DeviceClass: String, CaseIterable, Hashable, Codable, CodingKeyRepresentable, Sendable {
  case microcontroller
  case singleBoard
  case phone
  case laptop
}
