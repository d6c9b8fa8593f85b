import ArgumentParser
import Commands
import Foundation
import Offload
import Simulation

struct Speed: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Measure what a decision costs, and how simulating grows with devices, on this machine.")

  @OptionGroup var options: ProfileOptions

  @Option(help: "Decisions to time, for every policy.")
  var decisions = 1_000_000

  @Option(help: "Numbers of devices to play ten-thousand-devices.yaml with, fewest first.")
  var devices = "1000,3000,10000"

  @Option(help: "The policy that they run.")
  var policy = ModelBasedPolicy.name

  func validate() throws {
    if !(1_000...1_000_000_000).contains(decisions) {
      throw ValidationError("--decisions must be 1000 to 1000000000")
    }
    guard PolicyRegistry.names.contains(policy) else {
      throw ValidationError(
        "--policy must be one of \(PolicyRegistry.names.joined(separator: ", ")), not \"\(policy)\""
      )
    }
    _ = try counts()
  }

  func run() throws {
    try reporting {
      let counts = try counts()
      let (played, calibration) = try options.load()
      let scenarios = try options.loadScenarios()
      let clock = ContinuousClock()
      let began = clock.now
      func nanoseconds() -> UInt64 {
        let (seconds, attoseconds) = began.duration(to: clock.now).components
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
      }
      if let ground = scenarios.first(where: { $0.name == "lte-commute" })?.scenario {
        for policy in PolicyRegistry.names {
          try printLine(
            DecisionTime.run(
              ground, policy: policy, count: decisions, profile: played,
              calibration: calibration, seed: options.seed, clock: nanoseconds))
        }
      }
      guard let crowd = scenarios.first(where: { $0.name == "ten-thousand-devices" })?.scenario
      else { return }
      for count in counts.sorted() {
        try printLine(
          SpeedMeasurement.run(
            crowd, devices: count, policy: policy, profile: played, calibration: calibration,
            seed: options.seed, clock: { Double(nanoseconds()) * 1e-9 }, memory: Self.peakMemory))
      }
    }
  }

  private func counts() throws -> [Int] {
    let counts = try devices.split(separator: ",").map {
      guard let count = Int($0), (1...1_000_000).contains(count) else {
        throw ValidationError("--devices wants numbers such as 1000,3000, not '\(devices)'")
      }
      return count
    }
    if counts.isEmpty { throw ValidationError("--devices names no number") }
    return counts
  }

  private func printLine(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try Output.write(encoder.encode(value) + Data("\n".utf8))
  }

  /// Bytes; Linux counts in kilobytes.
  private static func peakMemory() -> Double {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Double(usage.ru_maxrss) * 1_024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Double(usage.ru_maxrss)
    #endif
  }
}
