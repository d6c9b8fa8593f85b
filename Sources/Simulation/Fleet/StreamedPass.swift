import Offload

/// The device's inference thread while the user speaks: every chunk is computed when it has been heard, as deep as
/// was asked for.
struct StreamedPass: Sendable {
  /// Encoder frames of the utterance, and of a chunk.
  let frames: Double
  let chunkFrames: Double
  /// When the user begins and stops to speak.
  let began: Double
  let ended: Double
  private let framesPerSecond: Double
  /// Seconds of work a frame, by depth: front end, blocks, heads of the exits on the way.
  private let seconds: [Double]
  /// Blocks that it keeps up with.
  private(set) var blocks: Int
  /// When the thread has done all that was asked of it.
  private(set) var free: Double
  private(set) var chunks = 0.0

  /// - Parameter blocks: computed from the first chunk on.
  init(
    shape: ModelShape, speed: Double, frames: Double, chunkFrames: Double, began: Double,
    ended: Double, blocks: Int = 0
  ) {
    self.frames = frames
    self.chunkFrames = chunkFrames
    self.began = began
    self.ended = ended
    self.blocks = blocks
    framesPerSecond = shape.framesPerSecond
    free = began
    var operations = shape.frontEndOperations
    var seconds = [operations / speed]
    for block in 0..<shape.blockCount {
      operations += shape.blockOperations[block]
      for exit in shape.exits where exit.afterBlock == block + 1 {
        operations += shape.exitOperations
      }
      seconds.append(operations / speed)
    }
    self.seconds = seconds
  }

  /// Frames whose features are computed at `free`.
  var framesDone: Double { chunks * chunkFrames }

  /// Seconds after a chunk's end at which the device looks at what its exits say: the time that a chunk takes at
  /// this depth. The same for all that a policy may do, so that an oracle can know the moments.
  func pause(depth: Int) -> Double { chunkFrames * seconds[depth] }

  /// Computes all chunks that end by `time`.
  mutating func hear(until time: Double) {
    let chunkSeconds = chunkFrames / framesPerSecond
    while (chunks + 1) * chunkFrames <= frames {
      let heard = began + (chunks + 1) * chunkSeconds
      guard heard <= time else { return }
      free = max(free, heard) + chunkFrames * seconds[blocks]
      chunks += 1
    }
  }

  /// Goes deeper from now on, and catches up with what was heard.
  mutating func deepen(to depth: Int, at time: Double) {
    guard depth > blocks else { return }
    free = max(free, time) + framesDone * (seconds[depth] - seconds[blocks])
    blocks = depth
  }

  /// The user has stopped: computes the rest.
  /// - Returns: when that is done.
  mutating func finish() -> Double {
    hear(until: ended)
    free = max(free, ended) + max(0, frames - framesDone) * seconds[blocks]
    chunks = frames / chunkFrames
    return free
  }
}
