import Testing

@testable import Offload

@Suite("When the link connects")
struct LinkStateTests {
  @Test func oneAttemptAtATime() {
    var state = LinkState()
    #expect(state.phase == .idle)
    let first = state.wanted(at: 0)
    #expect(first)
    #expect(state.phase == .connecting)
    let again = state.wanted(at: 1)
    #expect(!again)
    state.succeeded()
    #expect(state.phase == .connected)
    let third = state.wanted(at: 2)
    #expect(!third)
  }

  @Test("The delay doubles up to its bound, and the jitter only shortens it")
  func backsOff() {
    for jitter in [0.0, 0.5, 1] {
      var state = LinkState(firstDelay: 0.2, longestDelay: 15)
      var time = 0.0
      for failure in 1...40 {
        let mayTry = state.wanted(at: time)
        #expect(mayTry)
        state.failed(at: time, jitter: jitter)
        #expect(state.failures == failure)
        guard case .waiting(let until) = state.phase else {
          Issue.record("not waiting but \(state.phase)")
          return
        }
        var full = 0.2
        for _ in 1..<failure { full = min(full * 2, 15) }
        #expect(abs(until - time - full * (0.5 + 0.5 * jitter)) < 1e-9)
        let tooEarly = state.wanted(at: until - 1e-6)
        #expect(!tooEarly)
        time = until
      }
    }
  }

  @Test func jitterOutOfBoundsIsClamped() {
    for (jitter, delay) in [(-3.0, 0.1), (7.0, 0.2)] {
      var state = LinkState()
      _ = state.wanted(at: 10)
      state.failed(at: 10, jitter: jitter)
      #expect(state.phase == .waiting(until: 10 + delay))
    }
  }

  @Test func aLostConnectionIsTriedAgainAtOnceAndASuccessForgetsTheFailures() {
    var state = LinkState()
    for time in [0.0, 1, 2] {
      _ = state.wanted(at: time)
      state.failed(at: time, jitter: 1)
    }
    #expect(state.failures == 3)
    _ = state.wanted(at: 100)
    state.succeeded()
    #expect(state.failures == 0)
    state.failed(at: 101, jitter: 1)
    #expect(state.phase == .idle)
    let mayTry = state.wanted(at: 101)
    #expect(mayTry)
    // But if the edge is gone, the next one waits.
    state.failed(at: 101, jitter: 1)
    guard case .waiting(let until) = state.phase else {
      Issue.record("not waiting but \(state.phase)")
      return
    }
    #expect(until > 101)
  }

  @Test func closedIsForGood() {
    var state = LinkState()
    state.close()
    let mayTry = state.wanted(at: 1)
    #expect(!mayTry)
    state.failed(at: 1, jitter: 0)
    state.succeeded()
    #expect(state.phase == .closed)
  }

  @Test("Whatever happens in whatever order, it never connects twice or while it waits")
  func anyOrder() {
    var random = SplitMix(seed: 5)
    for _ in 0..<500 {
      var state = LinkState()
      var time = 0.0
      for _ in 0..<40 {
        time += .random(in: 0...3, using: &random)
        let before = state.phase
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
          let connects = state.wanted(at: time)
          switch before {
          case .idle: #expect(connects)
          case .waiting(let until): #expect(connects == (time >= until))
          case .connecting, .connected, .closed: #expect(!connects)
          }
        case 2:
          state.succeeded()
          #expect((state.phase == .connected) == (before == .connecting || before == .connected))
        default:
          state.failed(at: time, jitter: .random(in: 0...1, using: &random))
          #expect(state.phase != .connected && state.phase != .connecting)
        }
      }
    }
  }
}
