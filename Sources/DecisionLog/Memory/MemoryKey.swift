import Basics
import Foundation
import Offload

/// Under which settings and with which model something was learnt.
struct MemoryKey: Hashable, Codable, Sendable {
  /// SHA-256 of all settings that what was learnt depends on, 64 hexadecimal digits.
  var settings: String
  /// The model's fingerprint, 64 hexadecimal digits.
  var model: String

  private struct Relevant: Encodable {
    var costs: CostModel
    var deviceClass: DeviceClass
    var codec: Int
    var packetDuration: Double
    var bandit: BanditSettings
    var budget: Budget?
    var edge: String
  }

  /// The seed and the damping of ties change what is drawn, not what is learnt: they are left out.
  init(_ settings: PolicySettings, edge: String, model: String) {
    let relevant = Relevant(
      costs: settings.costs.model, deviceClass: settings.costs.deviceClass, codec: settings.codec,
      packetDuration: settings.packetDuration, bandit: settings.bandit, budget: settings.budget,
      edge: edge)
    let encoder = JSONEncoder()
    // Without it the order is another one in every process.
    encoder.outputFormatting = .sortedKeys
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    // Strings, numbers and dictionaries of them always encode.
    self.settings = Self.digest((try? encoder.encode(relevant)) ?? Data())
    self.model = model
  }

  static func digest(_ data: Data) -> String {
    SHA256.hash(of: data).hexadecimal
  }
}
