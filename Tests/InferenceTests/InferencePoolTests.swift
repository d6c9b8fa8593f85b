import Foundation
import Synchronization
import Testing

@testable import Inference

/// How many jobs run at a time, and whether any ran.
private final class Counter: Sendable {
  private let counts = Mutex((now: 0, most: 0))

  func enter() {
    counts.withLock {
      $0.now += 1
      $0.most = max($0.most, $0.now)
    }
  }

  func leave() { counts.withLock { $0.now -= 1 } }

  var most: Int { counts.withLock { $0.most } }
}

@Suite("Inference threads")
struct InferencePoolTests {
  @Test("Every job runs once, and never more at a time than there are threads")
  func bounded() async throws {
    let pool = InferencePool(threads: 2)
    defer { pool.shutDown() }
    let counter = Counter()
    let results = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<50 {
        group.addTask {
          try await pool.run { _ in
            counter.enter()
            usleep(1_000)
            counter.leave()
            return number
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results.sorted() == Array(0..<50))
    #expect((1...2).contains(counter.most))
  }

  @Test func refusesBeyondItsQueue() async throws {
    let pool = InferencePool(threads: 1, queueLimit: 1)
    defer { pool.shutDown() }
    let gate = DispatchSemaphore(value: 0)
    async let first: Void = pool.run { _ in gate.wait() }
    while pool.load < 1 || pool.queued > 0 { try await Task.sleep(for: .milliseconds(1)) }
    async let second: Void = pool.run { _ in }
    while pool.queued < 1 { try await Task.sleep(for: .milliseconds(1)) }
    await #expect(throws: InferencePool.PoolError.full(queued: 1)) { try await pool.run { _ in } }
    gate.signal()
    _ = try await (first, second)
  }

  @Test func cancelledWorkNeverRunsAndRunningWorkIsTold() async throws {
    let pool = InferencePool(threads: 1)
    defer { pool.shutDown() }
    let counter = Counter()
    let long = Task {
      try await pool.run { cancellation in
        while !cancellation.isCancelled { usleep(1_000) }
        return true
      }
    }
    while pool.load < 1 || pool.queued > 0 { try await Task.sleep(for: .milliseconds(1)) }
    let waiting = Task {
      try await pool.run { _ in counter.enter() }
    }
    while pool.queued < 1 { try await Task.sleep(for: .milliseconds(1)) }
    waiting.cancel()
    long.cancel()
    #expect(try await long.value)
    await #expect(throws: CancellationError.self) { try await waiting.value }
    #expect(counter.most == 0)
  }

  @Test func shuttingDownAbandonsWhatWaits() async throws {
    let pool = InferencePool(threads: 1)
    pool.shutDown()
    await #expect(throws: InferencePool.PoolError.shutDown) { try await pool.run { _ in } }
  }
}
