import Foundation
import Plotting
import Testing

@Suite struct DrawingTests {
  static let day = 1_795_219_200.0  // 21 November 2026, 00:00 UTC

  @Test func timesOfADayBearTheDayOnce() {
    let axis = TimeAxis(Self.day + 36_000...Self.day + 36_600)
    #expect(axis.label == "21 Nov 2026, UTC")
    #expect(axis.ticks.first == Tick(Self.day + 36_000, "10:00"))
    #expect(axis.ticks.map(\.label).contains("10:10"))
    #expect(TimeAxis(Self.day...Self.day + 12).ticks.map(\.label).contains("00:00:02"))
  }

  @Test func datesStandWhereDaysBegin() {
    let axis = TimeAxis(Self.day + 43_200...Self.day + 2 * 86_400)
    #expect(axis.label == "2026, UTC")
    #expect(axis.ticks.map(\.label).contains("22 Nov"))
    #expect(axis.ticks.map(\.label).contains("12:00"))
    let years = TimeAxis(0...Self.day)
    #expect(years.label == "1970 to 2026, UTC")
    #expect(years.ticks.map(\.label).contains("2000"))
    let months = TimeAxis(Self.day...Self.day + 200 * 86_400)
    #expect(months.ticks.map(\.label).contains("Jan 2027"))
  }

  @Test(arguments: [0, 1e-9, 1, 59, 61, 3_000, 86_400, 1e6, 1e7, 1e8, 1e9, 5e9])
  func ticksAreFewAndInside(span: Double) {
    let range = 1_234_567_890...1_234_567_890 + span
    let axis = TimeAxis(range)
    #expect(axis.ticks.count <= 9)
    #expect(axis.ticks.allSatisfy { range.contains($0.value) })
    #expect(Set(axis.ticks.map(\.label)).count == axis.ticks.count)
    #expect(span < 60 || axis.ticks.count >= 2, "\(span)")
  }

  @Test func linesAreInterruptedWhereThereIsNothing() {
    let plot = Plot(
      title: "t", xLabel: "x", yLabel: "y", xRange: 0...3, yRange: 0...1,
      series: [
        .init(
          name: "n", points: [(0, 0), (1, .nan), (2, 1), (3, 1)], color: "#000", hasDots: true)
      ])
    let path = plot.elements.components(separatedBy: " d=\"")[1].prefix { $0 != "\"" }
    #expect(path.filter { $0 == "M" }.count == 2)
    #expect(path.filter { $0 == "L" }.count == 1)
    #expect(plot.elements.components(separatedBy: "<circle").count == 4)
    #expect(!plot.elements.contains("nan"))
  }

  @Test func barsStandUponOneAnother() {
    let bars = StackedBars(
      title: "t", xLabel: "x", yLabel: "y", xRange: 0...2, spans: [0...1, 1...2],
      layers: [
        .init(name: "a", color: "#111", values: [1, 0]),
        .init(name: "b<", color: "#222", values: [3, 0]),
      ])
    #expect(bars.elements.components(separatedBy: "<rect").count == 3)
    #expect(bars.elements.contains("b&lt;"))
    #expect(bars.keys.map(\.name) == ["a", "b<"])
    // Nothing at all is an empty frame, not a division by zero.
    let empty = StackedBars(
      title: "t", xLabel: "x", yLabel: "y", xRange: 0...1, spans: [], layers: [])
    #expect(!empty.svg.contains("nan") && !empty.svg.contains("inf"))
  }

  @Test func cellsHoldWhatIsPositive() throws {
    let one = try #require(DensityPlot.Cell(1, 1))
    #expect(DensityPlot.Cell(1.1, 1.2) == one)
    #expect(DensityPlot.Cell(1.1, 2) != one)
    for (x, y) in [(0.0, 1.0), (1, -1), (.nan, 1), (1, .infinity)] {
      #expect(DensityPlot.Cell(x, y) == nil)
    }
    #expect(DensityPlot.Cell(1e300, 1e-300) == DensityPlot.Cell(1e6, 1e-6))
    for cells in [[:], [one: 1], [one: 3, try #require(DensityPlot.Cell(1e300, 1e-300)): 1]] {
      let svg = DensityPlot(title: "t", xLabel: "x", yLabel: "y", cells: cells, color: "#000").svg
      #expect(!svg.contains("nan") && !svg.contains("inf"))
      #expect(svg.components(separatedBy: "<rect").count == cells.count + 1)
    }
  }

  @Test func aSheetHoldsEveryPanel() {
    let bars = BarRows(
      title: "t",
      rows: [
        .init(name: "a & b", value: 2, label: "2", color: "#000"),
        .init(name: "c", value: 0, label: "0", color: "#000"),
      ])
    let sheet = PictureSheet(
      title: "T", lines: ["one"], panels: (0..<3).map { .init(heading: "h\($0)", drawing: bars) })
    for heading in ["h0", "h1", "h2", "a &amp; b", ">T<", "one"] {
      #expect(sheet.svg.contains(heading))
    }
    #expect(sheet.svg.hasPrefix("<svg xmlns="))
    #expect(!sheet.svg.contains("a & b"))
  }
}
