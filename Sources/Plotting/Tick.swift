/// A place on an axis that bears a label.
public struct Tick: Hashable, Sendable {
  public var value: Double
  public var label: String

  public init(_ value: Double, _ label: String) {
    self.value = value
    self.label = label
  }
}
