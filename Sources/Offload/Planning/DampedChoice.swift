/// Takes the cheapest action, or, with some chance, one that is nearly as cheap.
///
/// Devices that read the same advertisement and all do what is best given it arrive together: the idle edge is
/// swamped, then shunned, and so on. The older the information, the worse (Mitzenmacher, How Useful Is Old
/// Information?, IEEE TPDS 11(1), 2000). So offloading and staying are drawn with probabilities
/// proportional to exp(-J / temperature), and the temperature grows with the age of what is known of the
/// edge. The default costs a lone device at most 0.003 units a decision; `crowd` suits an edge that hundreds share.
/// With temperature 0 the cheapest is taken, and exact ties are drawn evenly.
public struct DampedChoice: Hashable, Sendable {
  /// Cost units within which actions count as nearly equal, when the edge has just spoken.
  public var temperature: Double
  /// Cost units that are added for every second since the edge spoke.
  public var temperaturePerSecond: Double
  /// Cost units beyond which the temperature does not grow.
  public var maximumTemperature: Double

  public init(
    temperature: Double = 0.002, temperaturePerSecond: Double = 0.000_5,
    maximumTemperature: Double = 0.01
  ) {
    self.temperature = max(temperature, 0)
    self.temperaturePerSecond = max(temperaturePerSecond, 0)
    self.maximumTemperature = max(maximumTemperature, max(temperature, 0))
  }

  /// The names under which settings know these values.
  public enum Preset: String, CaseIterable, Hashable, Codable, Sendable {
    case none
    case alone
    case crowd
  }

  public init(_ preset: Preset) {
    switch preset {
    case .none: self = .none
    case .alone: self.init()
    case .crowd: self = .crowd
    }
  }

  /// For an edge whose load is mostly other devices like this one.
  public static let crowd = DampedChoice(
    temperature: 0.02, temperaturePerSecond: 0.05, maximumTemperature: 0.3)

  /// No chance at all except among exact ties.
  public static let none = DampedChoice(
    temperature: 0, temperaturePerSecond: 0, maximumTemperature: 0)

  /// What was drawn.
  struct Drawn {
    /// Index into the values.
    var index: Int
    /// Index of the lowest value.
    var cheapest: Int
    /// Probability of every index; they add up to 1.
    var probabilities: [Double]
  }

  /// The temperature when the edge spoke `age` seconds ago (nil: never; nothing it said can herd anybody).
  func temperature(age: Double?) -> Double {
    guard let age else { return temperature }
    return min(temperature + temperaturePerSecond * max(age, 0), maximumTemperature)
  }

  /// Draws among `values`; nil if none is finite.
  /// - Parameters:
  ///   - age: seconds since the edge spoke.
  ///   - uniform: in [0, 1), from `Chance`.
  func choose(_ values: [Double], age: Double?, uniform: Double) -> Drawn? {
    var cheapest: Int?
    for (index, value) in values.enumerated()
    where value.isFinite && value < cheapest.map({ values[$0] }) ?? .infinity {
      cheapest = index
    }
    guard let cheapest else { return nil }
    let lowest = values[cheapest]
    let temperature = temperature(age: age)
    var probabilities = Array(repeating: 0.0, count: values.count)
    var sum = 0.0
    for (index, value) in values.enumerated() where value.isFinite {
      let excess = value - lowest
      // Beyond four temperatures it is no near tie any more.
      guard excess <= 4 * temperature else { continue }
      let weight = excess > 0 ? exponential(-excess / temperature) : 1
      probabilities[index] = weight
      sum += weight
    }
    var chosen = cheapest
    var left = uniform * sum
    for (index, weight) in probabilities.enumerated() where weight > 0 {
      probabilities[index] = weight / sum
      if left >= 0 {
        chosen = index
        left -= weight
      }
    }
    return Drawn(index: chosen, cheapest: cheapest, probabilities: probabilities)
  }
}
