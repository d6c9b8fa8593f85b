import Offload
import Testing

@Suite struct WaitEstimateTests {
  @Test func theWaitIsTheWorkInFrontSharedByTheThreads() {
    var estimate = WaitEstimate()
    #expect(estimate.seconds(queued: 100, threads: 1) == 0)
    estimate.observe(seconds: 2)
    #expect(estimate.seconds(queued: 3, threads: 2) == 3)
    #expect(estimate.seconds(queued: 3, threads: 0) == 6)
    // A tenth of the way to the new one.
    estimate.observe(seconds: 12)
    #expect(abs(estimate.seconds(queued: 1, threads: 1) - 3) < 1e-12)
  }
}
