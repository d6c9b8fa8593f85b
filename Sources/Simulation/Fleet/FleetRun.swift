/// What a run leaves: its report, and the costs by block of utterances that comparisons are drawn from.
public struct FleetRun: Sendable {
  public var report: StrategyReport
  let blocks: [PairedBootstrap.Block]
}
