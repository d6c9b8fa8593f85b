import Offload

/// When a device has computed what, once the user has stopped speaking: its inference thread runs one thing
/// after the other.
struct LocalTimeline: Sendable {
  let shape: ModelShape
  /// Encoder frames of the utterance.
  let frames: Double
  /// Operations/s.
  let speed: Double
  /// Blocks that are there at `start`, with the heads of the exits on the way: computed while the user spoke.
  let ahead: Int
  /// When the device has done all that it does before the first question to a policy.
  let start: Double

  /// Nothing was computed while the user spoke: the front end comes first.
  init(shape: ModelShape, frames: Double, speed: Double, began: Double) {
    self.init(
      shape: shape, frames: frames, speed: speed, ahead: 0,
      start: began + frames * shape.frontEndOperations / speed)
  }

  init(shape: ModelShape, frames: Double, speed: Double, ahead: Int, start: Double) {
    self.shape = shape
    self.frames = frames
    self.speed = speed
    self.ahead = ahead
    self.start = start
  }

  /// Exits that are there at `start`.
  var exitsAhead: Int { shape.exits.count { $0.afterBlock <= ahead } }

  /// Seconds for the blocks between two depths.
  func blockSeconds(from: Int, to: Int) -> Double {
    frames * shape.operations(blocks: max(from, ahead), to: to) / speed
  }

  /// Seconds for one exit's head and search.
  func exitSeconds(_ point: ModelShape.ExitPoint) -> Double {
    point.afterBlock <= ahead ? 0 : frames * shape.exitOperations / speed
  }

  /// What the hedge has done by `end`, if it began at `start` with `exits` exits and `blocks` blocks there.
  ///
  /// It is cancelled between exits: one that was begun is finished, and costs its work, but comes too late.
  /// - Returns: exits whose transcripts are there at `end`; exits and blocks that were computed in all.
  func hedge(from start: Double, exits: Int, blocks: Int, until end: Double)
    -> (ready: Int, exitsDone: Int, blocksDone: Int)
  {
    var time = start
    var ready = exits
    var exitsDone = max(exits, exitsAhead)
    var blocksDone = max(blocks, ahead)
    for point in shape.exits.dropFirst(exits) {
      guard time < end || point.afterBlock <= ahead else { break }
      time += blockSeconds(from: blocksDone, to: point.afterBlock) + exitSeconds(point)
      exitsDone = max(exitsDone, point.exit)
      blocksDone = max(blocksDone, point.afterBlock)
      if time <= end || (point.afterBlock <= ahead && self.start <= end) { ready = point.exit }
    }
    return (ready, exitsDone, blocksDone)
  }

  /// When exit number `exit` is there, if the device goes on from `start` with `exits` exits and `blocks` blocks.
  func exitTime(_ exit: Int, from start: Double, exits: Int, blocks: Int) -> Double {
    guard exit > exits else { return start }
    var time = start
    var blocks = blocks
    for point in shape.exits[exits..<exit] {
      time += blockSeconds(from: blocks, to: point.afterBlock) + exitSeconds(point)
      blocks = max(blocks, point.afterBlock)
    }
    return time
  }
}
