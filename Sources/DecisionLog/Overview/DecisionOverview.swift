/// A decision log in numbers, as a whole and over time.
public struct DecisionOverview: Sendable {
  public var summary: DecisionSummary
  public var timeline: DecisionTimeline
}
