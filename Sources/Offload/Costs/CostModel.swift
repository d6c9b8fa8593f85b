/// Weights and coefficients from `Config/costs.yaml`, where each is documented with its source.
public struct CostModel: Hashable, Codable, Sendable {
  public var weights: CostWeights
  public var devices: [DeviceClass: DeviceProfile]
  public var radios: [Radio: RadioProfile]
  /// Operations/s of one edge core.
  public var edgeOperationsPerSecond: Double
  /// Bytes that framing adds to every packet (gRPC, HTTP/2, TLS, TCP/IP).
  public var packetOverheadBytes: Double
  /// Bytes of all answers to one utterance.
  public var answerBytes: Double
  /// Uplink in bits/s that is assumed while nothing is known of the link.
  public var assumedBandwidth: Double
  /// Round trip in seconds that is assumed while nothing is known of the link.
  public var assumedRoundTrip: Double
  /// Words a second of speech, to turn error rates into expected word errors.
  public var wordsPerSecond: Double

  public init(
    weights: CostWeights, devices: [DeviceClass: DeviceProfile], radios: [Radio: RadioProfile],
    edgeOperationsPerSecond: Double, packetOverheadBytes: Double, answerBytes: Double,
    assumedBandwidth: Double, assumedRoundTrip: Double, wordsPerSecond: Double
  ) {
    self.weights = weights
    self.devices = devices
    self.radios = radios
    self.edgeOperationsPerSecond = edgeOperationsPerSecond
    self.packetOverheadBytes = packetOverheadBytes
    self.answerBytes = answerBytes
    self.assumedBandwidth = assumedBandwidth
    self.assumedRoundTrip = assumedRoundTrip
    self.wordsPerSecond = wordsPerSecond
  }

  /// The values of `Config/costs.yaml`; sources stand there.
  public static let standard = CostModel(
    weights: CostWeights(
      latencySecond: 1, joule: 0.05, megabyte: 0.2, serverSecond: 0.2, wordError: 1),
    devices: [
      .microcontroller: DeviceProfile(
        operationsPerSecond: 0.2e9, joulesPerGigaoperation: 1.5, radio: .wifi),
      .singleBoard: DeviceProfile(
        operationsPerSecond: 8e9, joulesPerGigaoperation: 0.75, radio: .wifi),
      .phone: DeviceProfile(
        operationsPerSecond: 30e9, joulesPerGigaoperation: 0.1, radio: .lte),
      .laptop: DeviceProfile(
        operationsPerSecond: 100e9, joulesPerGigaoperation: 0.15, radio: .wifi),
    ],
    radios: [
      .wifi: RadioProfile(
        uplinkJoulesPerMegabit: 0.28317, downlinkJoulesPerMegabit: 0.13701, activeWatts: 0.13286,
        tailSeconds: 0.238, tailWatts: 0.1193),
      .lte: RadioProfile(
        uplinkJoulesPerMegabit: 0.43839, downlinkJoulesPerMegabit: 0.05197, activeWatts: 1.28804,
        tailSeconds: 11.576, tailWatts: 1.06),
    ],
    edgeOperationsPerSecond: 50e9, packetOverheadBytes: 100, answerBytes: 600,
    assumedBandwidth: 1e6, assumedRoundTrip: 0.1, wordsPerSecond: 2.5)
}
