import Offload

/// How fast `bandit` learns: from nothing, and when link or edge change for all at once. One device is one seed.
public struct BanditMeasurement: Codable, Sendable {
  /// Mean cost an utterance over a stretch of decisions; as everywhere here the mean over seeds of each seed's mean, so that a
  /// seed whose utterances take fewer decisions weighs no more than others.
  public struct Stretch: Codable, Sendable {
    /// Decisions since the beginning, or since the change.
    public var from: Int
    public var meanCost: Double
  }

  public var measurement = "bandit"
  /// What changes: "cold start", "link falls", …
  public var change: String
  public var seeds: Int
  /// Decisions that are looked at: 500 to 1000 from a cold start, 200 to 700 after a change.
  public var window: [Int]
  public var windowCost: Double
  /// Half the width of the 95 % interval over seeds.
  public var windowMargin: Double
  /// Its own cost over decisions 2000 to 4000 of the same regime.
  public var convergedCost: Double
  public var convergedMargin: Double
  /// windowCost / convergedCost - 1.
  public var excess: Double
  /// What the informed oracle and the better of two fixed strategies cost then: whether there is something to learn.
  public var offloadRateBefore: Double?
  public var offloadRateAfter: Double
  public var target = "within 10 % of its own converged cost"
  public var isMet: Bool
  /// The learning curve, a hundred decisions a stretch.
  public var curve: [Stretch]

  static let convergedWindow = 2_000..<4_000

  /// Runs `configuration` with as many devices as seeds.
  /// - Parameters:
  ///   - changeAt: seconds at which link or edge change; nil: the start of the run counts.
  static func run(
    _ change: String, configuration: FleetConfiguration, changeAt: Double?, profile: Profile,
    calibration: Calibration, seed: UInt64
  ) throws -> BanditMeasurement {
    let profile = configuration.said(profile)
    let simulation = try FleetSimulation(
      configuration: configuration, profile: profile, calibration: calibration,
      strategy: .policy(BanditPolicy.name), seed: seed)
    let devices = configuration.deviceCount
    let window = changeAt == nil ? 500..<1_000 : 200..<700
    let start = changeAt ?? 0
    let stretch = 100
    var before = Array(repeating: 0, count: devices)
    var inWindow = Array(repeating: (sum: 0.0, count: 0.0), count: devices)
    var converged = inWindow
    var curve = Array(repeating: inWindow, count: 40)
    var offloads = (before: 0.0, beforeCount: 0.0, after: 0.0, afterCount: 0.0)
    simulation.observer = { context, result, decisions in
      let device = context.device
      guard context.began >= start else {
        before[device] = decisions
        offloads.before += result.offloaded ? 1 : 0
        offloads.beforeCount += 1
        return
      }
      let decision = decisions - before[device]
      let cost = result.cost.total
      if window.contains(decision) {
        inWindow[device].sum += cost
        inWindow[device].count += 1
      }
      if convergedWindow.contains(decision) {
        converged[device].sum += cost
        converged[device].count += 1
      }
      if decision / stretch < curve.count {
        curve[decision / stretch][device].sum += cost
        curve[decision / stretch][device].count += 1
      }
      offloads.after += result.offloaded ? 1 : 0
      offloads.afterCount += 1
    }
    _ = simulation.run(scenario: change)
    let (windowCost, windowMargin) = mean(inWindow)
    let (convergedCost, convergedMargin) = mean(converged)
    return BanditMeasurement(
      change: change, seeds: devices, window: [window.lowerBound, window.upperBound],
      windowCost: windowCost, windowMargin: windowMargin, convergedCost: convergedCost,
      convergedMargin: convergedMargin,
      excess: convergedCost > 0 ? windowCost / convergedCost - 1 : 0,
      offloadRateBefore: offloads.beforeCount > 0 ? offloads.before / offloads.beforeCount : nil,
      offloadRateAfter: offloads.after / max(offloads.afterCount, 1),
      isMet: windowCost <= 1.1 * convergedCost,
      curve: curve.enumerated().filter { $0.element.contains { $0.count > 0 } }.map {
        Stretch(from: $0.offset * stretch, meanCost: mean($0.element).0)
      })
  }

  /// The mean over seeds of each seed's mean, and 1.96 standard errors.
  private static func mean(_ sums: [(sum: Double, count: Double)]) -> (Double, Double) {
    let means = sums.filter { $0.count > 0 }.map { $0.sum / $0.count }
    guard means.count > 1 else { return (means.first ?? 0, 0) }
    let mean = means.reduce(0, +) / Double(means.count)
    let variance =
      means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(means.count - 1)
    return (mean, 1.96 * (variance / Double(means.count)).squareRoot())
  }
}
