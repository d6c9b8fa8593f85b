import Plotting
import Testing

@Suite struct PlotTests {
  @Test func numbersAreShort() {
    #expect(HTMLText.number(0.012345) == "0.0123")
    #expect(HTMLText.number(1234.5) == "1234" || HTMLText.number(1234.5) == "1235")
    #expect(HTMLText.number(2) == "2")
    #expect(HTMLText.number(.infinity) == "–")
    #expect(Plot.ticks(0...1, count: 5).count == 6)
    #expect(Plot.short(3.04) == "3" && Plot.short(-0.26) == "-0.3")
  }
}
