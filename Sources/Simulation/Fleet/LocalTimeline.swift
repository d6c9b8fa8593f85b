import Offload

/// When a device has computed what, once the user has stopped speaking: its inference thread runs one thing
/// after the other.
struct LocalTimeline: Sendable {
  let shape: ModelShape
  /// Encoder frames of the utterance.
  let frames: Double
  /// Operations/s.
  let speed: Double
  /// Blocks, with the heads of the exits on the way, that were computed while the user spoke.
  let ahead: Int
  /// By block: frames that have not been through it at `start`; the device computes them exit by exit.
  let framesLeft: [Double]
  /// By block: frames that the head of an exit after it has not seen.
  let headFramesLeft: [Double]
  /// When the device has done all that it does before the first question to a policy.
  let start: Double

  /// Nothing was computed while the user spoke: the front end comes first.
  init(shape: ModelShape, frames: Double, speed: Double, began: Double) {
    let all = Array(repeating: frames, count: shape.blockCount)
    self.init(
      shape: shape, frames: frames, speed: speed, ahead: 0,
      rest: StreamedPass.Rest(
        start: began + frames * shape.frontEndOperations / speed, framesLeft: all,
        headFramesLeft: all))
  }

  init(
    shape: ModelShape, frames: Double, speed: Double, ahead: Int, rest: StreamedPass.Rest
  ) {
    self.shape = shape
    self.frames = frames
    self.speed = speed
    self.ahead = ahead
    framesLeft = rest.framesLeft
    headFramesLeft = rest.headFramesLeft
    start = rest.start
  }

  /// Exits that are there at `start`, but for what was heard last.
  var exitsAhead: Int { shape.exits.count { $0.afterBlock <= ahead } }

  /// Seconds for the blocks between two depths.
  func blockSeconds(from: Int, to: Int) -> Double {
    var operations = 0.0
    for block in from..<max(from, min(to, shape.blockCount)) {
      operations += framesLeft[block] * shape.blockOperations[block]
    }
    return operations / speed
  }

  /// Seconds for one exit's head and search.
  func exitSeconds(_ point: ModelShape.ExitPoint) -> Double {
    headFramesLeft[point.afterBlock - 1] * shape.exitOperations / speed
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
