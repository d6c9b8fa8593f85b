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
