import Audio
import Conformer
import Decoding
import Inference
import Offload
import Synchronization

/// The device's own pass over one utterance: exit by exit, on the inference thread.
// @unchecked Sendable holds because `encoder` is touched only inside closures that run on `pool`,
// which has one thread, so one at a time and in order; all else is immutable or behind a lock.
final class LocalPass: @unchecked Sendable {
  struct ExitResult: Sendable {
    var evidence: ExitEvidence
    var hypothesis: Hypothesis
  }

  private let model: Model
  private let pool: InferencePool
  private let encoder: UtteranceEncoder
  private let fusion: WordFusion?
  private let beamWidth: Int
  /// Published exit by exit, so that the deadline can have the deepest while a deeper one is computed.
  private let results = Mutex<[ExitResult]>([])

  /// - Parameter fusion: language model and lexicon for the transcripts; nil for greedy search.
  init(model: Model, pool: InferencePool, fusion: WordFusion? = nil, beamWidth: Int = 8) {
    self.fusion = fusion
    self.beamWidth = beamWidth
    precondition(pool.threads == 1, "an utterance's layers are computed by one thread")
    self.model = model
    self.pool = pool
    encoder = UtteranceEncoder(model: model, depth: 0)
  }

  /// Takes 16 kHz samples while the user speaks.
  func append(_ samples: [Float]) async throws {
    try await pool.run { _ in self.encoder.append(samples: samples) }
  }

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
        let result = self.compute(exit: self.all.count + 1)
        self.results.withLock { $0.append(result) }
      }
      return self.all[exit - 1]
    }
  }

  /// Features `[n, dimension]` of `layer`.
  func features(at layer: Int) async throws -> [Float] {
    try await pool.run { _ in
      self.encoder.advance(to: layer)
      return self.encoder.frames(at: layer)
    }
  }

  /// Every exit computed so far, shallowest first.
  var all: [ExitResult] { results.withLock { $0 } }

  private func compute(exit: Int) -> ExitResult {
    let block = model.configuration.encoder.exits[exit - 1].afterBlock
    encoder.advance(to: block)
    let posteriors = encoder.logPosteriors(exit: exit - 1)
    // What policies decide by stays greedy search's, which thresholds were fitted to.
    let result = CTCSearch.greedy(posteriors, vocabulary: model.vocabulary)
    var hypothesis = result.hypothesis
    if let fusion {
      let found = CTCSearch.beam(
        posteriors, vocabulary: model.vocabulary, beam: beamWidth, fusion: fusion)
      hypothesis = found.first ?? hypothesis
    }
    return ExitResult(
      evidence: ExitEvidence(
        exit: exit, afterBlock: block, frameEntropy: result.frameEntropy,
        sentencePosterior: result.sentencePosterior,
        tokenCount: result.hypothesis.tokens.count, frameCount: result.frames),
      hypothesis: hypothesis)
  }
}
