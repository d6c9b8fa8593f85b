import Offload

/// How fast the simulation and the policies are on this machine. Not deterministic, so it stands apart from
/// `TargetsRun`.
public struct SpeedMeasurement: Codable, Sendable {
  public var measurement = "simulation-speed"
  public var scenario: String
  public var policy: String
  public var devices: Int
  public var utterances: Int
  public var decisions: Int
  public var events: Int
  /// Wall clock.
  public var seconds: Double
  public var microsecondsAnEvent: Double
  /// The most memory that the process has held so far.
  public var peakMegabytes: Double
  public var peakEvents: Int

  /// Plays `scenario` with so many devices.
  /// - Parameters:
  ///   - clock: seconds of a clock that goes forward.
  ///   - memory: the process's peak, in bytes.
  public static func run(
    _ scenario: Scenario, devices: Int, policy: String, profile: Profile,
    calibration: Calibration, seed: UInt64, clock: () -> Double, memory: () -> Double
  ) throws -> SpeedMeasurement {
    var configuration = scenario.configuration
    configuration.deviceCount = devices
    let began = clock()
    let report = try FleetSimulation(
      configuration: configuration, profile: configuration.said(profile),
      calibration: calibration, strategy: .policy(policy), seed: seed
    ).run(scenario: scenario.name).report
    let seconds = clock() - began
    return SpeedMeasurement(
      scenario: scenario.name, policy: policy, devices: devices, utterances: report.utterances,
      decisions: report.decisions, events: report.events, seconds: seconds,
      microsecondsAnEvent: seconds * 1e6 / Double(max(report.events, 1)),
      peakMegabytes: memory() * 1e-6, peakEvents: report.peakEvents)
  }
}
