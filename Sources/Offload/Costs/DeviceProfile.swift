/// Speed and energy of a device class.
public struct DeviceProfile: Hashable, Codable, Sendable {
  /// Floating-point operations/s that the encoder reaches.
  public var operationsPerSecond: Double
  /// Joules per 10⁹ operations.
  public var joulesPerGigaoperation: Double
  public var radio: Radio

  public init(operationsPerSecond: Double, joulesPerGigaoperation: Double, radio: Radio) {
    self.operationsPerSecond = operationsPerSecond
    self.joulesPerGigaoperation = joulesPerGigaoperation
    self.radio = radio
  }
}
