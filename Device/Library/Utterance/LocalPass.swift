import Audio
import Decoding
import Inference
import Models
import Offload
import Synchronization

/// The device's own pass over one utterance: chunk by chunk while the user speaks, down to a depth, and exit by exit
/// afterwards, on the inference thread.
///
/// One block of one chunk after the other, always the shallowest that is left: what was heard last does not wait for what only deeper
/// exits need.
// @unchecked Sendable holds because `encoder` is touched only inside closures that run on `pool`,
// which has one thread, so one at a time and in order; all else is immutable or behind a lock.
final class LocalPass: @unchecked Sendable {
  struct ExitResult: Sendable {
    var evidence: ExitEvidence
    var hypothesis: Hypothesis
    /// Greedy search's, which the next exit's agreement is measured against.
    fileprivate var search: CTCSearch.Result
  }

  /// What was computed, and how long that took on the thread.
  struct Work: Sendable {
    /// Frames that went through each block.
    var blockFrames: [Int] = []
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
    /// Nothing is computed ahead any more.
    var isOver = false
  }

  private let model: any SpeechModel
  private let pool: InferencePool
  private let encoder: any SpeechEncoder
  private let fusion: WordFusion?
  private let beamWidth: Int
  private let confidence: ExitConfidence
  private let state = Mutex(State())

  /// - Parameters:
  ///   - fusion: language model and lexicon for the transcripts; nil for greedy search.
  ///   - confidence: what makes a probability of the exits' confidences.
  init(
    model: any SpeechModel, pool: InferencePool, fusion: WordFusion? = nil, beamWidth: Int = 8,
    confidence: ExitConfidence = .empty
  ) {
    self.fusion = fusion
    self.beamWidth = beamWidth
    self.confidence = confidence
    precondition(pool.threads == 1, "an utterance's layers are computed by one thread")
    self.model = model
    self.pool = pool
    encoder = model.makeEncoder(firstLayer: 0, depth: 0)
  }

  /// Takes 16 kHz samples while the user speaks; features and subsampling only.
  func append(_ samples: [Float]) async throws {
    try await pool.run { _ in self.encoder.append(samples: samples, computing: false) }
  }

  /// From now on keeps up with the speech down to `block`.
  func keepUp(to block: Int) async throws {
    try await pool.run { _ in
      self.begin(blocks: block, exits: 0)
      self.encoder.deepen(to: block)
      self.state.withLock { $0.depth = self.encoder.depth }
    }
  }

  /// Computes what was heard down to the depth, letting everything else go first.
  /// - Returns: what was computed, when nothing is left or `stopAhead` was called.
  func catchUp() async throws -> Work {
    var work = Work(blockFrames: Array(repeating: 0, count: model.blockCount))
    while true {
      let (part, isDone) = try await pool.run { _ in
        var isDone = false
        let part = self.timed {
          // A step at least, or two utterances that catch up would only give way to one another.
          repeat {
            isDone = self.state.withLock { $0.isOver } || !self.encoder.step()
          } while !isDone && self.pool.queued == 0
        }
        return (part, isDone)
      }
      work.seconds += part.seconds
      for (block, frames) in part.blockFrames.enumerated() { work.blockFrames[block] += frames }
      if isDone { return work }
    }
  }

  /// The user has stopped, or nobody wants to know: `catchUp` returns after the block that it is computing.
  func stopAhead() { state.withLock { $0.isOver = true } }

  /// What the exits say of what was heard so far, as far as all chunks of it have come to them.
  /// - Returns: nil if the last chunk has not even come to the first exit of those that keep up.
  func heard() async throws -> [ExitResult]? {
    try await pool.run { _ in
      let depths = self.model.exitDepths
      let chunk = self.model.chunkFrames
      let whole = self.encoder.frameCount(at: 0) / chunk * chunk
      if let first = depths.first, first <= self.encoder.depth,
        self.encoder.frameCount(at: first) < whole
      {
        return nil
      }
      var results: [ExitResult] = []
      for (index, depth) in depths.enumerated()
      where depth <= self.encoder.depth && whole > 0
        && self.encoder.frameCount(at: depth) >= whole
      {
        self.begin(blocks: depth, exits: index + 1)
        results.append(self.result(exit: index + 1, previous: results.last))
      }
      return results
    }
  }

  /// The utterance is over: computes what was heard last, but only down to `block`; the rest of it is computed exit by
  /// exit.
  /// - Returns: frames that have not been through a block yet, by block.
  func finish(to block: Int) async throws -> [Double] {
    stopAhead()
    return try await pool.run { _ in
      self.encoder.finish(to: block)
      let frames = self.encoder.frameCount(at: 0)
      return (1...self.model.blockCount).map { Double(frames - self.encoder.frameCount(at: $0)) }
    }
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
        let block = self.model.exitDepths[number - 1]
        self.begin(blocks: block, exits: number)
        self.encoder.advance(to: block)
        let result = self.result(exit: number, previous: self.all.last)
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
    func counts() -> [Int] { (1...model.blockCount).map { encoder.frameCount(at: $0) } }
    let before = counts()
    let clock = ContinuousClock()
    let seconds = clock.measure(compute).seconds
    return Work(blockFrames: zip(counts(), before).map { $0 - $1 }, seconds: seconds)
  }

  /// Only on `pool`.
  private func result(exit: Int, previous: ExitResult?) -> ExitResult {
    let reading = ExitReading(
      encoder.output(ofExit: exit - 1), vocabulary: model.exitVocabulary, fusion: fusion,
      beamWidth: beamWidth)
    return ExitResult(
      evidence: ExitEvidence(
        exit: exit, afterBlock: model.exitDepths[exit - 1], search: reading.search,
        previous: previous?.search, confidence: confidence),
      hypothesis: reading.hypothesis, search: reading.search)
  }
}
