import Foundation
import Offload
import Testing

@testable import Simulation

@Suite struct ReportTests {
  private func comparison(shared: Bool) throws -> Comparison {
    let yaml = """
      name: Test <of> "escapes" & such
      description: A test.
      hours: 1
      devices: {count: 5, classes: {phone: 1}}
      arrivals: {kind: poisson, perHour: 40}
      link: {roundTripSeconds: 0.05, fallback: {kind: gilbertElliott, goodMegabitsPerSecond: 1,
        badMegabitsPerSecond: 0.02, goodSeconds: 60, badSeconds: 30}}
      edge: {workers: 1, shared: \(shared), background: [[0, 0.4]]}
      """
    let profile = try Fixtures.profile()
    return try Comparison(
      scenario: Scenario(yaml: yaml, path: "s", shared: nil), profile: profile,
      calibration: Fixtures.calibration(profile), strategies: Strategy.all(profile: profile),
      seed: 7)
  }

  @Test func theSameRunGivesTheSameBytes() throws {
    let first = try comparison(shared: true)
    let second = try comparison(shared: true)
    #expect(try first.jsonLines() == second.jsonLines())
    #expect(first.html() == second.html())
  }

  @Test func oneObjectAStrategy() throws {
    let comparison = try comparison(shared: false)
    let lines = try comparison.jsonLines().split(separator: 0x0A)
    let read = try lines.map { try JSONDecoder().decode(StrategyReport.self, from: Data($0)) }
    #expect(read == comparison.reports)
    #expect(Set(read.map(\.strategy)).count == read.count)
    #expect(read.contains { $0.strategy == "random-at-the-same-rate" })
    for report in read where report.kind != .oracle {
      #expect(report.regret.map(\.against) == ["oracle-informed", "oracle-clairvoyant"])
      for regret in report.regret {
        #expect(regret.oracle == "exact")
        #expect(regret.interval[0] <= regret.mean && regret.mean <= regret.interval[1])
      }
      if report.strategy != "opus-12" { #expect(report.regret[1].mean >= 0) }
    }
  }

  @Test func aSharedEdgesOracleIsABound() throws {
    let reports = try comparison(shared: true).reports
    #expect(reports.filter { $0.kind == .oracle }.allSatisfy { $0.oracle == "bound" })
    #expect(reports.allSatisfy { $0.regret.allSatisfy { $0.oracle == "bound" } })
  }

  @Test func thePageNeedsNothingElse() throws {
    let html = try comparison(shared: false).html()
    for asset in ["http://", "https://", "<script", "<link", "src=", "@import", "url("] {
      #expect(!html.contains(asset), "\(asset)")
    }
    #expect(html.contains("Test &lt;of&gt; &quot;escapes&quot; &amp; such"))
    #expect(!html.contains("NaN") && !html.contains("inf\"") && !html.contains("nan"))
    // Well-formed: every page element that is opened is closed.
    for tag in ["svg", "table", "figure", "ul", "p", "h2", "tr", "td", "li", "text"] {
      let opened =
        html.components(separatedBy: "<\(tag)>").count
        + html.components(separatedBy: "<\(tag) ").count - 2
      #expect(opened == html.components(separatedBy: "</\(tag)>").count - 1, "\(tag)")
      #expect(opened > 0, "\(tag)")
    }
    for name in PolicyRegistry.names { #expect(html.contains(name)) }
  }
}
