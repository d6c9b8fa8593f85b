import Plotting
import Testing

@Suite struct LatencyHistogramTests {
  @Test func percentilesAreWithinTheirClasses() {
    var histogram = LatencyHistogram()
    for index in 1...10_000 { histogram.add(Double(index) / 1_000) }
    for (share, truth) in [(0.5, 5.0), (0.95, 9.5), (0.99, 9.9)] {
      let value = histogram.percentile(share) ?? 0
      #expect(value >= truth && value <= truth * 1.024)
    }
    #expect(histogram.cumulative.last?.share == 1)
    #expect(LatencyHistogram().percentile(0.5) == nil)
  }

  @Test func whateverIsAddedIsCountedOrPassedOver() {
    var histogram = LatencyHistogram()
    for value in [-1, 0, .infinity, -.infinity, .nan, 1e300] { histogram.add(value) }
    #expect(histogram.total == 5)
    #expect(abs((histogram.percentile(1) ?? 0) - 1000) < 1e-6)
    #expect(histogram.percentile(0.1) == 0.001)
  }
}
