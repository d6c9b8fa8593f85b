import Offload

/// When a device has computed what: its inference thread runs one thing after the other.
struct LocalTimeline: Sendable {
  let shape: ModelShape
  /// Encoder frames of the utterance.
  let frames: Double
  /// Operations/s.
  let speed: Double

  /// Seconds for features and subsampling.
  var frontEndSeconds: Double { frames * shape.frontEndOperations / speed }

  /// Seconds for the blocks between two depths.
  func blockSeconds(from: Int, to: Int) -> Double {
    frames * shape.operations(blocks: from, to: to) / speed
  }

  /// Seconds for one exit's head and search.
  var exitSeconds: Double { frames * shape.exitOperations / speed }

  /// What the hedge has done by `end`, if it began at `start` with `exits` exits and `blocks` blocks there.
  ///
  /// It is cancelled between exits: one that was begun is finished, and costs its work, but comes too late.
  /// - Returns: exits whose transcripts are there at `end`; exits and blocks that were computed in all.
  func hedge(from start: Double, exits: Int, blocks: Int, until end: Double)
    -> (ready: Int, exitsDone: Int, blocksDone: Int)
  {
    var time = start
    var ready = exits
    var exitsDone = exits
    var blocksDone = blocks
    for point in shape.exits.dropFirst(exits) {
      guard time < end else { break }
      time += blockSeconds(from: blocksDone, to: point.afterBlock) + exitSeconds
      exitsDone = point.exit
      blocksDone = max(blocksDone, point.afterBlock)
      if time <= end { ready = point.exit }
    }
    return (ready, exitsDone, blocksDone)
  }

  /// When exit number `exit` is there, if the device goes on from `start` with `exits` exits and `blocks` blocks.
  func exitTime(_ exit: Int, from start: Double, exits: Int, blocks: Int) -> Double {
    guard exit > exits else { return start }
    var time = start
    var blocks = blocks
    for point in shape.exits[exits..<exit] {
      time += blockSeconds(from: blocks, to: point.afterBlock) + exitSeconds
      blocks = max(blocks, point.afterBlock)
    }
    return time
  }
}
