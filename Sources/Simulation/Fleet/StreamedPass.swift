import Offload

/// The device's inference thread while the user speaks: one block of one chunk after the other, always the shallowest that is
/// left, so that what was heard last need not wait for what only deeper exits need (LocalPass in Device/Library).
struct StreamedPass: Sendable {
  /// What is left to compute when the user has stopped.
  struct Rest: Sendable {
    /// When the device has done all that it does before the first question to a policy.
    var start: Double
    /// Frames that have not been through a block yet, by block.
    var framesLeft: [Double]
    /// By block: frames that the head of an exit after it has not seen.
    var headFramesLeft: [Double]
  }

  /// Encoder frames of the utterance, and of a chunk.
  let frames: Double
  let chunkFrames: Double
  /// When the user begins and stops to speak.
  let began: Double
  let ended: Double
  private let chunkSeconds: Double
  /// Of the utterance: whole chunks that can be computed while the user speaks.
  private let wholeChunks: Int
  /// Seconds of work a frame: front end, and blocks with the heads of the exits that follow them.
  private let frontSeconds: Double
  private let blockSeconds: [Double]
  /// The same without heads.
  private let bareSeconds: [Double]
  /// Blocks that it keeps up with.
  private(set) var blocks: Int
  /// Until when it is known what the thread does.
  private var clock: Double
  /// Chunks that were heard, that have been through the front end, and through each block.
  private var heard = 0
  private var subsampled = 0
  private var done: [Int]

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
    chunkSeconds = chunkFrames / shape.framesPerSecond
    wholeChunks = Int(frames / chunkFrames)
    clock = began
    frontSeconds = shape.frontEndOperations / speed
    bareSeconds = shape.blockOperations.map { $0 / speed }
    blockSeconds = shape.blockOperations.indices.map { block in
      let heads = shape.exits.count { $0.afterBlock == block + 1 }
      return (shape.blockOperations[block] + Double(heads) * shape.exitOperations) / speed
    }
    done = Array(repeating: 0, count: shape.blockCount)
  }

  /// Seconds after a chunk's end at which the device looks at what its exits say: the time that a chunk takes at
  /// this depth. The same for all that a policy may do, so that an oracle can know the moments.
  func pause(depth: Int) -> Double {
    chunkFrames * blockSeconds[..<depth].reduce(frontSeconds, +)
  }

  /// Chunks that are computed at a layer: 0 for subsampled features, k for the output of block k.
  func chunks(at layer: Int) -> Int { layer == 0 ? subsampled : done[layer - 1] }

  /// Frames of them.
  func frames(at layer: Int) -> Double { Double(chunks(at: layer)) * chunkFrames }

  /// Computes until `time`; what was begun before is finished.
  mutating func run(until time: Double) {
    while clock < time {
      while heard < wholeChunks, began + Double(heard + 1) * chunkSeconds <= clock { heard += 1 }
      if subsampled < heard {
        subsampled += 1
        clock += chunkFrames * frontSeconds
      } else if let block = (0..<blocks).first(where: { done[$0] < chunks(at: $0) }) {
        done[block] += 1
        clock += chunkFrames * blockSeconds[block]
      } else if heard < wholeChunks {
        clock = min(time, began + Double(heard + 1) * chunkSeconds)
      } else {
        clock = time
      }
    }
  }

  /// Goes deeper from now on, and catches up with what was heard.
  mutating func deepen(to depth: Int, at time: Double) {
    run(until: time)
    blocks = max(blocks, depth)
  }

  /// The user has stopped: computes what was not, but only down to `layer`, 0 for the front end alone.
  mutating func finish(to layer: Int) -> Rest {
    run(until: ended)
    var start = max(clock, ended) + (frames - frames(at: 0)) * frontSeconds
    let unseen = done.map { frames - Double($0) * chunkFrames }
    var left = unseen
    for block in 0..<min(layer, left.count) {
      start += left[block] * bareSeconds[block]
      left[block] = 0
    }
    return Rest(start: start, framesLeft: left, headFramesLeft: unseen)
  }
}
