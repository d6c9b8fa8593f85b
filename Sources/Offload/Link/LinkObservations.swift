/// The latest observations of one kind, smallest value first, and what they say of the next one.
struct LinkObservations: Sendable {
  struct Observation: Sendable {
    var time: Double
    var value: Double
    var weight: Double
    /// Whether next to nothing came through.
    var isStall = false
  }

  /// What is known at some time.
  struct Knowledge {
    var percentiles: Percentiles?
    var count = 0
    /// When the newest was made.
    var latest: Double?
  }

  /// Factor by which a transfer's bandwidth, or a round trip, commonly differs from one before it on the same link.
  static let spread = 2.0
  /// Half-lives after which the newest weighs as much as all others: a millionth more is nothing.
  private static let forgottenAfter = 20.0
  private static let leastWeight = 1e-9

  private let settings: LinkEstimator.Settings
  private var sorted: [Observation] = []

  init(_ settings: LinkEstimator.Settings) {
    self.settings = settings
    sorted.reserveCapacity(settings.capacity + 1)
  }

  mutating func insert(_ observation: Observation) {
    let place = sorted.firstIndex { $0.value > observation.value } ?? sorted.count
    sorted.insert(observation, at: place)
    if sorted.count > settings.capacity,
      let oldest = sorted.indices.min(by: { sorted[$0].time < sorted[$1].time })
    {
      sorted.remove(at: oldest)
    }
  }

  mutating func removeStalls() { sorted.removeAll { $0.isStall } }

  /// The network may be another one: what was seen before counts a quarter. Never nothing, however often the connection
  /// comes and goes: weights are divided by their sum.
  mutating func discount() {
    for index in sorted.indices {
      sorted[index].weight = max(sorted[index].weight / 4, Self.leastWeight)
    }
  }

  /// Percentiles of what the next one may be. It will not be just like one of these, and of the fastest hitherto one
  /// expects too much: the fewer there are, the more each stands for a smaller and a greater one as well.
  func knowledge(at time: Double) -> Knowledge {
    var known = Knowledge()
    var fresh: [(value: Double, weight: Double)] = []
    fresh.reserveCapacity(sorted.count)
    var total = 0.0
    var squares = 0.0
    let stallMemory = min(settings.stallMemory, settings.memory)
    for observation in sorted {
      // From now, not from the newest: after a while without news the newest says no more than those before it.
      let age = max(0, time - observation.time)
      guard age <= (observation.isStall ? stallMemory : settings.memory) else { continue }
      let recency =
        age < Self.forgottenAfter * settings.halfLife
        ? LinkEstimator.decay(age, settings.halfLife) : 0
      let weight = observation.weight * (recency + settings.lasting)
      fresh.append((observation.value, weight))
      total += weight
      squares += weight * weight
      known.latest = max(known.latest ?? observation.time, observation.time)
    }
    known.count = fresh.count
    guard !fresh.isEmpty else { return known }
    // As many observations of equal weight would say as much (Kish's effective sample size).
    let outer = 0.3 * (squares / (total * total)).squareRoot()
    // The list, and the list with every value smaller and greater: all in order, so they are walked together.
    var sum = 0.0
    var value = fresh[0].value / Self.spread
    var places = (low: 0, middle: 0, high: 0)
    /// Goes on from where the one before it stopped: ask for smaller fractions first.
    func percentile(_ fraction: Double) -> Double {
      while sum < fraction * total, places.high < fresh.count {
        let low = places.low < fresh.count ? fresh[places.low].value / Self.spread : .infinity
        let middle = places.middle < fresh.count ? fresh[places.middle].value : .infinity
        let high = fresh[places.high].value * Self.spread
        if low <= middle, low <= high {
          value = low
          sum += outer * fresh[places.low].weight
          places.low += 1
        } else if middle <= high {
          value = middle
          sum += (1 - 2 * outer) * fresh[places.middle].weight
          places.middle += 1
        } else {
          value = high
          sum += outer * fresh[places.high].weight
          places.high += 1
        }
      }
      return value
    }
    known.percentiles = Percentiles(
      tenth: percentile(0.1), median: percentile(0.5), ninetieth: percentile(0.9))
    return known
  }
}
