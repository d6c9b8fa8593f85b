/// How loud it is when nobody speaks: the least level of the last two seconds, since speech has a gap sooner than that
/// (minimum statistics; R. Martin, IEEE Transactions on Speech and Audio Processing 9(5), 2001).
struct NoiseFloor: Sendable {
  private static let parts = 8
  private static let partBlocks = 25
  /// Decibels a block by which it may rise.
  private static let rise = 0.15
  private static let least = -90.0

  private var minima: [Double] = []
  private var current = Double.infinity
  private var count = 0
  private var recent: (Double, Double)?
  /// Decibels of full scale; nil before the first block.
  private(set) var decibels: Double?

  /// - Parameter level: of the next 10 ms, in decibels of full scale.
  /// - Returns: the floor in force.
  mutating func append(_ level: Double) -> Double {
    let level = max(level, Self.least)
    // A single quiet block between two loud ones is chance.
    let smooth = recent.map { ($0.0 + $0.1 + level) / 3 } ?? level
    recent = (recent?.1 ?? level, level)
    current = min(current, smooth)
    count += 1
    let window = min(current, minima.min() ?? .infinity)
    if count == Self.partBlocks {
      minima.append(current)
      if minima.count > Self.parts { minima.removeFirst() }
      current = .infinity
      count = 0
    }
    let floor = decibels.map { window < $0 ? window : min(window, $0 + Self.rise) } ?? window
    decibels = floor
    return floor
  }
}
