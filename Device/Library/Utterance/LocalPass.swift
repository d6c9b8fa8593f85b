import Audio
import Conformer
import Decoding
import Inference
import Offload
import Synchronization

/// The device's own pass over one utterance: chunk by chunk while the user speaks, down to a depth, and exit by exit
/// afterwards, on the inference thread.
// @unchecked Sendable holds because `encoder` is touched only inside closures that run on `pool`,
// which has one thread, so one at a time and in order; all else is immutable or behind a lock.
final class LocalPass: @unchecked Sendable {
  struct ExitResult: Sendable {
    var evidence: ExitEvidence
    var hypothesis: Hypothesis
  }

  /// What was computed, and how long that took on the thread.
  struct Work: Sendable {
    /// Frames that went through each block.
    var blockFrames: [Int] = []
    /// Frames that went through features and subsampling.
    var frames = 0
    var seconds = 0.0
  }

  private struct State {
    /// Of the whole utterance, published exit by exit, so that the deadline can have the deepest while a deeper one
    /// is computed.
    var results: [ExitResult] = []
    /// Blocks that were computed, or that somebody has begun to compute.
    var blocksBegun = 0
    var exitsBegun = 0
    /// Blocks that keep up with the speech.
    var depth = 0
  }

  private let model: Model
  private let pool: InferencePool
  private let encoder: UtteranceEncoder
  private let state = Mutex(State())

  init(model: Model, pool: InferencePool) {
    precondition(pool.threads == 1, "an utterance's layers are computed by one thread")
    self.model = model
    self.pool = pool
    encoder = UtteranceEncoder(model: model, depth: 0)
  }

  /// Takes 16 kHz samples while the user speaks, and computes them down to the depth so far.
  @discardableResult
  func append(_ samples: [Float]) async throws -> Work {
    try await pool.run { _ in self.timed { self.encoder.append(samples: samples) } }
  }

  /// From now on keeps up with the speech down to `block`.
  func keepUp(to block: Int) async throws -> Work {
    try await pool.run { _ in
      self.timed {
        self.begin(blocks: block, exits: 0)
        self.encoder.advance(to: block)
      }
    }
  }

  /// What the exits down to the depth say of what was heard so far; an exit that no frame has reached is left out.
  func heard() async throws -> [ExitResult] {
    try await pool.run { _ in
      let exits = self.model.configuration.encoder.exits
      var results: [ExitResult] = []
      for (index, exit) in exits.enumerated()
      where exit.afterBlock <= self.encoder.depth
        && self.encoder.frameCount(at: exit.afterBlock) > 0
      {
        self.begin(blocks: exit.afterBlock, exits: index + 1)
        results.append(self.result(exit: index + 1))
      }
      return results
    }
  }

  /// The utterance is over: computes its last chunk, as deep as the others.
  func finish() async throws {
    try await pool.run { _ in self.encoder.finish() }
  }

  /// Computes down to exit number `exit` (from 1), and the exits before it if they are not there.
  ///
  /// - Throws: `CancellationError` between exits when the task is cancelled.
  @discardableResult
  func advance(toExit exit: Int) async throws -> ExitResult {
    try await pool.run { cancellation in
      while self.all.count < exit {
        if cancellation.isCancelled { throw CancellationError() }
        let number = self.all.count + 1
        let block = self.model.configuration.encoder.exits[number - 1].afterBlock
        self.begin(blocks: block, exits: number)
        self.encoder.advance(to: block)
        let result = self.result(exit: number)
        self.state.withLock { $0.results.append(result) }
      }
      return self.all[exit - 1]
    }
  }

  /// Features `[n, dimension]` of `layer`, from the `frame`th on.
  func features(at layer: Int, from frame: Int = 0) async throws -> [Float] {
    try await pool.run { _ in
      self.begin(blocks: layer, exits: 0)
      self.encoder.advance(to: layer)
      return Array(self.encoder.frames(at: layer).dropFirst(frame * self.model.dimension))
    }
  }

  /// Every exit computed so far of the whole utterance, shallowest first.
  var all: [ExitResult] { state.withLock { $0.results } }

  /// Blocks that keep up with the speech.
  var depth: Int { state.withLock { $0.depth } }

  /// Blocks and exits that were computed or begun, whoever wanted them.
  var begun: (blocks: Int, exits: Int) { state.withLock { ($0.blocksBegun, $0.exitsBegun) } }

  private func begin(blocks: Int, exits: Int) {
    state.withLock {
      $0.blocksBegun = max($0.blocksBegun, blocks)
      $0.exitsBegun = max($0.exitsBegun, exits)
    }
  }

  /// Only on `pool`.
  private func timed(_ compute: () -> Void) -> Work {
    func counts() -> [Int] { (0...model.blockCount).map { encoder.frameCount(at: $0) } }
    let before = counts()
    let clock = ContinuousClock()
    let seconds = clock.measure(compute).seconds
    let after = counts()
    state.withLock { $0.depth = encoder.depth }
    let frames = zip(after, before).map { $0 - $1 }
    return Work(blockFrames: Array(frames.dropFirst()), frames: frames[0], seconds: seconds)
  }

  /// Only on `pool`.
  private func result(exit: Int) -> ExitResult {
    let result = CTCSearch.greedy(
      encoder.logPosteriors(exit: exit - 1), vocabulary: model.vocabulary)
    return ExitResult(
      evidence: ExitEvidence(
        exit: exit, afterBlock: model.configuration.encoder.exits[exit - 1].afterBlock,
        frameEntropy: result.frameEntropy, sentencePosterior: result.sentencePosterior,
        tokenCount: result.hypothesis.tokens.count, frameCount: result.frames),
      hypothesis: result.hypothesis)
  }
}
