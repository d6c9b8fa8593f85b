import Offload

/// Reads `Config/costs.yaml` into a `CostModel`.
public enum CostSettings {
  /// The costs in `file`; what it does not set is as in `CostModel.standard`.
  /// - Throws: `SettingsError`.
  public static func load(_ file: SettingsFile?) throws(SettingsError) -> CostModel {
    let resolved = try ResolvedSettings(
      keys: keys, sources: SettingsSources(file: file), environmentPrefix: nil)
    var model = CostModel.standard
    model.weights = CostWeights(
      latencySecond: resolved.number("weights.latencySecond"),
      joule: resolved.number("weights.joule"),
      megabyte: resolved.number("weights.megabyte"),
      serverSecond: resolved.number("weights.serverSecond"),
      wordError: resolved.number("weights.wordError"))
    for device in DeviceClass.allCases {
      let name = "devices.\(device.rawValue)."
      model.devices[device] = DeviceProfile(
        operationsPerSecond: resolved.number(name + "gigaoperationsPerSecond") * 1e9,
        joulesPerGigaoperation: resolved.number(name + "joulesPerGigaoperation"),
        radio: Radio(rawValue: resolved.string(name + "radio")) ?? .wifi)
    }
    for radio in Radio.allCases {
      let name = "radios.\(radio.rawValue)."
      model.radios[radio] = RadioProfile(
        uplinkJoulesPerMegabit: resolved.number(name + "uplinkJoulesPerMegabit"),
        downlinkJoulesPerMegabit: resolved.number(name + "downlinkJoulesPerMegabit"),
        activeWatts: resolved.number(name + "activeWatts"),
        tailSeconds: resolved.number(name + "tailSeconds"),
        tailWatts: resolved.number(name + "tailWatts"))
    }
    model.edgeOperationsPerSecond = resolved.number("edge.gigaoperationsPerSecond") * 1e9
    model.packetOverheadBytes = Double(resolved.integer("link.packetOverheadBytes"))
    model.answerBytes = Double(resolved.integer("link.answerBytes"))
    model.assumedBandwidth = resolved.number("link.assumedMegabitsPerSecond") * 1e6
    model.assumedRoundTrip = resolved.number("link.assumedRoundTripSeconds")
    model.wordsPerSecond = resolved.number("speech.wordsPerSecond")
    return model
  }
}
