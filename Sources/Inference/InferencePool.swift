import Dispatch
import Foundation
import Synchronization

/// Threads of its own for matrix products: never Swift's cooperative pool, which has only as many
/// threads as cores, and never an event loop.
///
/// First come, first served; the queue is bounded. A job that is cancelled before its turn never
/// runs; one that runs is told through its `Cancellation` and may stop early.
public final class InferencePool: Sendable {
  /// Asked by long work now and then.
  public final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    public init() {}
    public var isCancelled: Bool { flag.load(ordering: .relaxed) }
    public func cancel() { flag.store(true, ordering: .relaxed) }
  }

  public enum PoolError: Error, Equatable, CustomStringConvertible {
    case full(queued: Int)
    case shutDown
    public var description: String {
      switch self {
      case .full(let queued):
        "the inference queue is full: \(queued) utterances wait. Try again later."
      case .shutDown: "the inference threads have been shut down."
      }
    }
  }

  private struct Job: Sendable {
    var number: Int
    var run: @Sendable () -> Void
    var abandon: @Sendable () -> Void
  }

  private struct State {
    var queue: [Job] = []
    var running = 0
    var isShutDown = false
    var nextNumber = 0
  }

  public let threads: Int
  public let queueLimit: Int
  private let shared = Shared()

  /// What the threads hold: not the pool itself, so that a pool that is let go can end them.
  private final class Shared: Sendable {
    let state = Mutex(State())
    let available = DispatchSemaphore(value: 0)
  }

  /// - Parameters:
  ///   - threads: at least 1.
  ///   - queueLimit: jobs that may wait beside those that run.
  public init(threads: Int, queueLimit: Int = .max, name: String = "inference") {
    self.threads = max(1, threads)
    self.queueLimit = queueLimit
    for number in 0..<self.threads {
      let thread = Thread { [shared] in
        while true {
          shared.available.wait()
          let (job, ends) = shared.state.withLock { state -> (Job?, Bool) in
            guard !state.queue.isEmpty else { return (nil, state.isShutDown) }
            state.running += 1
            return (state.queue.removeFirst(), false)
          }
          if let job {
            job.run()
            shared.state.withLock { $0.running -= 1 }
          } else if ends {
            return
          }
        }
      }
      thread.name = "\(name)-\(number)"
      // The default of 512 KiB is enough for us, but not for every BLAS.
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  /// Jobs that wait for a thread.
  public var queued: Int { shared.state.withLock { $0.queue.count } }
  /// Jobs that wait or run.
  public var load: Int { shared.state.withLock { $0.queue.count + $0.running } }

  /// Runs `work` on one of the threads.
  ///
  /// - Throws: what `work` throws; `PoolError.full`; `CancellationError` when the task was cancelled
  ///   before the work's turn.
  public func run<Result: Sendable>(
    _ work: @escaping @Sendable (Cancellation) throws -> Result
  ) async throws -> Result {
    let cancellation = Cancellation()
    let number = shared.state.withLock { state in
      state.nextNumber += 1
      return state.nextNumber
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let job = Job(
          number: number,
          run: {
            if cancellation.isCancelled {
              continuation.resume(throwing: CancellationError())
            } else {
              continuation.resume(with: Swift.Result { try work(cancellation) })
            }
          },
          abandon: { continuation.resume(throwing: PoolError.shutDown) })
        let refusal = shared.state.withLock { state -> PoolError? in
          if state.isShutDown { return .shutDown }
          if state.queue.count >= queueLimit { return .full(queued: state.queue.count) }
          state.queue.append(job)
          return nil
        }
        if let refusal {
          continuation.resume(throwing: refusal)
        } else {
          shared.available.signal()
        }
      }
    } onCancel: {
      cancellation.cancel()
    }
  }

  /// Lets the running jobs end, abandons those that wait, and ends the threads.
  public func shutDown() {
    let waiting = shared.state.withLock { state -> [Job] in
      guard !state.isShutDown else { return [] }
      state.isShutDown = true
      defer { state.queue = [] }
      return state.queue
    }
    for job in waiting { job.abandon() }
    for _ in 0..<threads { shared.available.signal() }
  }
}
