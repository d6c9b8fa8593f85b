import Foundation
import Synchronization

/// Runs `body` over `0..<count` on threads of its own and keeps the results in order.
///
/// `progress` is told how many are done, from any of the threads.
func inParallel<Result: Sendable>(
  _ count: Int, threads: Int, progress: (@Sendable (Int) -> Void)? = nil,
  _ body: @escaping @Sendable (Int) throws -> Result
) throws -> [Result] {
  let results = Mutex<[Result?]>(Array(repeating: nil, count: count))
  let failure = Mutex<(any Error)?>(nil)
  let next = Atomic<Int>(0)
  let done = Atomic<Int>(0)
  // Borrowed by every thread for the length of this call, which waits for all of them.
  DispatchQueue.concurrentPerform(iterations: max(1, min(threads, count))) { _ in
    while failure.withLock({ $0 }) == nil {
      let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard index < count else { return }
      do {
        let result = try body(index)
        results.withLock { $0[index] = result }
        progress?(done.wrappingAdd(1, ordering: .relaxed).newValue)
      } catch {
        failure.withLock { $0 = $0 ?? error }
      }
    }
  }
  if let error = failure.withLock({ $0 }) { throw error }
  return results.withLock { $0.compactMap { $0 } }
}

/// A bar on standard error while long work goes on; nothing where that is no terminal.
public final class ProgressBar: Sendable {
  private let title: String
  private let total: Int
  private let started = ContinuousClock.now
  private let last = Mutex<ContinuousClock.Instant?>(nil)
  private let isTerminal = isatty(STDERR_FILENO) == 1

  public init(_ title: String, total: Int) {
    self.title = title
    self.total = total
  }

  public func update(_ done: Int) {
    guard isTerminal, total > 0 else { return }
    let now = ContinuousClock.now
    let draws = last.withLock { last in
      if let last, done < total, last.duration(to: now) < .milliseconds(100) { return false }
      last = now
      return true
    }
    guard draws else { return }
    let width = 30
    let filled = width * done / total
    let elapsed = started.duration(to: now)
    let left =
      done == 0 ? 0 : Double(elapsed.components.seconds) * Double(total - done) / Double(done)
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
    let line =
      "\r\(title) \(bar) \(done)/\(total), \(Int(left)) s left \(done == total ? "\n" : "")"
    FileHandle.standardError.write(Data(line.utf8))
  }
}
