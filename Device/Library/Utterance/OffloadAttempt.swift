import Synchronization

/// One stream to the edge, under way.
///
/// Its task is nobody's child: when the deadline passes the answer is given at once, without waiting for a stream
/// that may take its time to be cancelled.
final class OffloadAttempt: Sendable {
  enum Outcome: Sendable {
    case answer(OffloadAnswer)
    case failure(OffloadFailure)
  }

  let progress: OffloadProgress
  private let link: EdgeLink
  private let feed: AsyncStream<OffloadPiece>.Continuation
  private let task: Task<Outcome, Never>
  private let ended: Ended

  private final class Ended: Sendable {
    let outcome = Mutex<Outcome?>(nil)
  }

  /// Opens the stream.
  init(_ header: OffloadHeader, link: EdgeLink) {
    let progress = OffloadProgress()
    let ended = Ended()
    let (pieces, feed) = AsyncStream.makeStream(of: OffloadPiece.self)
    self.progress = progress
    self.link = link
    self.ended = ended
    self.feed = feed
    task = Task {
      let outcome: Outcome
      do {
        outcome = .answer(
          try await link.recognize(header, pieces: pieces, progress: progress))
      } catch let failure as OffloadFailure {
        outcome = .failure(failure)
      } catch is CancellationError {
        outcome = .failure(.cancelled)
      } catch {
        outcome = .failure(.lost("\(error)"))
      }
      ended.outcome.withLock { $0 = outcome }
      return outcome
    }
  }

  deinit { cancel() }

  /// The next frames, `[n, dimension]`; they leave when the link has room.
  func send(_ features: [Float]) {
    guard !features.isEmpty else { return }
    feed.yield(.features(features))
  }

  /// All frames are there: the edge is to answer within `deadline` seconds.
  func end(deadline: Double) {
    progress.expect(answerAt: link.time + deadline)
    feed.yield(.end(deadline: deadline))
    feed.finish()
  }

  /// Withdraws the utterance, if it has not been answered.
  func cancel() { task.cancel() }

  /// What became of it; waits for it.
  var outcome: Outcome { get async { await task.value } }

  /// Why it ended without an answer; nil if it did not, or not yet.
  var failure: OffloadFailure? {
    if case .failure(let failure)? = ended.outcome.withLock({ $0 }) { failure } else { nil }
  }
}
