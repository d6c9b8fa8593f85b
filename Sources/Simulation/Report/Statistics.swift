import Offload
import Plotting

/// Sums over a run, in memory that does not grow with the number of utterances.
struct Statistics: Sendable {
  static let timelineSlices = 96
  private struct Slice: Sendable {
    var utterances = 0
    var offloads = 0
    var rate = 0.0
    var wait = 0.0
    var cost = 0.0
  }

  let seconds: Double
  private(set) var utterances = 0
  var decisions = 0
  /// Times that devices looked at what their exits said while the user spoke.
  var considerations = 0
  private(set) var blocks: [PairedBootstrap.Block]
  private let blocksPerDevice: Int
  private var latency = LatencyHistogram()
  private var sumLatency = 0.0
  private var sumCost = 0.0
  private var sumBytes = 0.0
  private var sumJoules = 0.0
  private var sumServer = 0.0
  private var keptAhead = 0
  private var sunk = 0
  private var sunkBytes = 0.0
  private var wordErrors = 0
  private var referenceWords = 0
  private var offloads = 0
  private var misses = 0
  private var unanswered = 0
  var delayedBegins = 0
  var lostToBattery = 0
  private var answeredBy: [UtteranceResult.Origin: Int] = [:]
  private var fallbacks: [UtteranceResult.Failure: Int] = [:]
  private var slices = Array(repeating: Slice(), count: timelineSlices)

  init(seconds: Double, devices: Int) {
    self.seconds = seconds
    // Few devices give few independent samples: cut their time into stretches.
    blocksPerDevice = max(1, 200 / max(devices, 1))
    blocks = Array(repeating: .init(), count: devices * blocksPerDevice)
  }

  /// - Parameters:
  ///   - time: when the device began with the utterance.
  ///   - deadline: when the answer had to be there.
  ///   - rate: bits/s of the uplink at `time`.
  ///   - wait: seconds at the edge at `time`.
  mutating func add(
    _ result: UtteranceResult, device: Int, words: Int, at time: Double, deadline: Double,
    rate: Double, wait: Double
  ) {
    utterances += 1
    let total = result.cost.total
    let share = min(max(time / seconds, 0), 0.999_999_999)
    let block = device * blocksPerDevice + Int(share * Double(blocksPerDevice))
    blocks[block].cost += total
    blocks[block].utterances += 1
    latency.add(result.cost.latency)
    sumLatency += result.cost.latency
    sumCost += total
    sumBytes += result.cost.bytes
    sumJoules += result.cost.energy
    sumServer += result.cost.serverSeconds
    wordErrors += result.wordErrors
    referenceWords += words
    if result.offloaded { offloads += 1 }
    if result.isAhead { keptAhead += 1 }
    if result.sunkBytes > 0 { sunk += 1 }
    sunkBytes += result.sunkBytes
    if result.finish > deadline + 0.1 || result.origin == .none { misses += 1 }
    if result.origin == .none { unanswered += 1 }
    answeredBy[result.origin, default: 0] += 1
    if let failure = result.failure { fallbacks[failure, default: 0] += 1 }
    let slice = Int(share * Double(Self.timelineSlices))
    slices[slice].utterances += 1
    slices[slice].offloads += result.offloaded ? 1 : 0
    slices[slice].rate += rate
    slices[slice].wait += wait
    slices[slice].cost += total
  }

  var meanCost: Double { utterances > 0 ? sumCost / Double(utterances) : 0 }

  func report(
    strategy: Strategy, scenario: String, seed: UInt64, profile: String, events: Int, peak: Int
  ) -> StrategyReport {
    let count = Double(max(utterances, 1))
    let length = seconds / Double(Self.timelineSlices)
    return StrategyReport(
      strategy: strategy.name, kind: strategy.kind, scenario: scenario, seed: seed,
      profile: profile, utterances: utterances, decisions: decisions,
      considerations: considerations,
      events: events,
      meanCost: meanCost,
      meanCostInterval: PairedBootstrap.interval(blocks, seed: seed) ?? [meanCost, meanCost],
      meanLatency: sumLatency / count, medianLatency: latency.percentile(0.5),
      latency90: latency.percentile(0.9), latency95: latency.percentile(0.95),
      latency99: latency.percentile(0.99), offloadRate: Double(offloads) / count,
      aheadRate: Double(keptAhead) / count, withdrawnRate: Double(sunk) / count,
      withdrawnBytesPerUtterance: sunkBytes / count,
      bytesPerUtterance: sumBytes / count, joulesPerUtterance: sumJoules / count,
      serverSecondsPerUtterance: sumServer / count, wordErrors: wordErrors,
      referenceWords: referenceWords,
      wordErrorRate: Double(wordErrors) / Double(max(referenceWords, 1)), deadlineMisses: misses,
      unanswered: unanswered, delayedBegins: delayedBegins, lostToBattery: lostToBattery,
      answeredBy: Dictionary(
        uniqueKeysWithValues: answeredBy.map { origin, count in
          switch origin {
          case .edge: ("edge", count)
          case .exit(let exit): ("exit \(exit)", count)
          case .none: ("none", count)
          }
        }),
      fallbacks: Dictionary(
        uniqueKeysWithValues: fallbacks.map { ($0.key.rawValue, $0.value) }),
      oracle: nil, regret: [], latencies: latency.cumulative,
      timeline: slices.enumerated().map { index, slice in
        let count = Double(slice.utterances)
        func mean(_ sum: Double) -> Double? { slice.utterances > 0 ? sum / count : nil }
        return TimelinePoint(
          from: Double(index) * length, utterances: slice.utterances,
          offloadRate: mean(Double(slice.offloads)), megabitsPerSecond: mean(slice.rate * 1e-6),
          edgeWait: mean(slice.wait), meanCost: mean(slice.cost))
      }, peakEvents: peak)
  }
}
