import Foundation
import Plotting

/// The targets as one page that needs nothing else.
struct TargetsReport {
  let run: TargetsRun

  init(_ run: TargetsRun) { self.run = run }

  var text: String {
    HTMLPage(
      title: "Controller: targets – Tandem simulation",
      style: HTMLReport.style + """

        td.met { color: #12703f; font-weight: 600; } td.missed { color: #b3261e; font-weight: 600; }
        td.wide { white-space: normal; text-align: left; }
        """,
      body: """
        <h1>Does the controller decide well?</h1>
        <p class="dim">tandem-simulate targets, virtual time, seed \(run.seed). Recognition results: \(HTMLText.escape(run.profile)).
        The same command gives the same bytes.</p>
        <p>A device recognises speech layer by layer, and may send a layer's features to an edge server that has a better model.
        A <em>policy</em> decides when. One unit of cost is one second of waiting; joules, bytes, server time and wrong
        words are converted with the weights of Config/costs.yaml. Policies know of the exits what was fitted on other
        recordings than those that are played here.</p>
        \(targets)
        \(scenarios)
        \(bandit)
        \(budget)
        """
    ).text
  }

  private func row(_ cells: [String]) -> String {
    "<tr>" + cells.joined() + "</tr>"
  }

  private func cell(_ text: String) -> String { "<td>\(text)</td>" }

  private func verdict(_ isMet: Bool) -> String {
    isMet ? "<td class=\"met\">met</td>" : "<td class=\"missed\">missed</td>"
  }

  private var targets: String {
    var rows: [String] = []
    func add(_ target: String, _ found: String, _ isMet: Bool) {
      rows.append(
        row([
          "<td class=\"wide\">\(target)</td>", "<td class=\"wide\">\(found)</td>", verdict(isMet),
        ]))
    }
    let counting = run.scenarios.count { $0.counts }
    add(
      "In six scenarios at least the best fixed strategy is 15 % above the informed oracle: they count",
      "\(counting) of \(run.scenarios.count)", counting >= 6)
    if let gap = run.gap, let best = gap.policies.first {
      add(
        "The best adaptive policy closes 60 % of the gap between the best fixed strategy and the informed oracle, on the mean over these",
        "\(HTMLText.escape(best.policy)): \(HTMLText.percent(best.meanGapClosed))"
          + (best.meanGapClosedUntuned.map {
            "; \(HTMLText.percent($0)) without the scenarios it was tuned on"
          } ?? ""), best.meanGapClosed >= 0.6)
      add(
        "It is nowhere more than 2 % above the best fixed strategy",
        "at worst \(HTMLText.percent(best.worstAboveFixed)) (\(HTMLText.escape(best.worstScenario))); "
          + "\(HTMLText.percent(best.worstAboveFixedAnywhere)) over all scenarios",
        best.worstAboveFixed <= 0.02)
    } else {
      add("The best adaptive policy closes 60 % of the gap", "no scenario counts", false)
    }
    for bandit in run.bandit {
      add(
        "The bandit, \(bandit.seeds) seeds, \(HTMLText.escape(bandit.change)): decisions \(bandit.window[0])–\(bandit.window[1]) within 10 % of its own converged cost",
        "\(HTMLText.number(bandit.windowCost)) ± \(HTMLText.number(bandit.windowMargin, digits: 2)) against "
          + "\(HTMLText.number(bandit.convergedCost)): \(HTMLText.percent(bandit.excess))",
        bandit.isMet)
    }
    for budget in run.budget {
      add(
        "A budget of \(HTMLText.number(budget.megabytesPerDay)) MB a day (\(HTMLText.escape(budget.scenario))): never exceeded, within 10 % of the best threshold in hindsight",
        "exceeded on \(budget.exceeded) of \(budget.deviceDays) days, \(HTMLText.percent(budget.excess)) above it",
        budget.isMet)
    }
    add(
      "Every accepted utterance is answered by its deadline plus 100 ms, under every policy",
      "\(run.deadline.misses) of \(run.deadline.utterances) were not", run.deadline.isMet)
    return """
      <h2>Targets</h2>
      <div class="scroll"><table><tr><th>target</th><th>found</th><th></th></tr>
      \(rows.joined(separator: "\n"))
      </table></div>
      """
  }

  private var scenarios: String {
    guard let first = run.scenarios.first else { return "" }
    let names = first.policies.map(\.policy)
    let rows = run.scenarios.map { scenario in
      row(
        [
          cell(
            HTMLText.escape(scenario.scenario)
              + (scenario.isTuned ? " <span class=\"dim\">(tuned on)</span>" : "")),
          cell(HTMLText.escape(scenario.bestFixed)), cell(HTMLText.number(scenario.bestFixedCost)),
          cell(
            HTMLText.number(scenario.informedCost)
              + (scenario.oracle == "bound" ? " <span class=\"dim\">(bound)</span>" : "")),
          cell(
            HTMLText.percent(scenario.headroom)
              + (scenario.counts ? "" : " <span class=\"dim\">(does not count)</span>")),
        ]
          + scenario.policies.map { policy in
            cell(
              HTMLText.number(policy.meanCost)
                + (policy.gapClosed.map {
                  " <span class=\"dim\">(\(HTMLText.number($0 * 100, digits: 2)) %)</span>"
                } ?? ""))
          })
    }
    return """
      <h2>Scenario by scenario</h2>
      <p>Cost an utterance. In brackets after a policy: how much of the gap between the best fixed strategy and the informed
      oracle it closes; below zero it is dearer than the fixed strategy. The oracle knows rates and queues to come, and of errors what the
      confidences tell on average; it decides what to send ahead with what only the end of the utterance tells, so
      nothing can reach it quite.</p>
      <div class="scroll"><table><tr><th>scenario</th><th>best fixed strategy</th><th>its cost</th><th>informed oracle</th>
      <th>headroom</th>\(names.map { "<th>\(HTMLText.escape($0))</th>" }.joined())</tr>
      \(rows.joined(separator: "\n"))
      </table></div>
      """
  }

  private var bandit: String {
    guard !run.bandit.isEmpty else { return "" }
    let colors = ["#1f6fd1", "#d1491f", "#7a3fc0", "#12876b", "#c79a00"]
    let lines = run.bandit.filter { $0.convergedCost > 0 }.enumerated().map { number, bandit in
      Plot.Series(
        name: bandit.change,
        points: bandit.curve.map {
          (x: Double($0.from) + 50, y: $0.meanCost / bandit.convergedCost)
        }, color: colors[number % colors.count])
    }
    let high = lines.flatMap { $0.points.map(\.y) }.max() ?? 1
    let low = lines.flatMap { $0.points.map(\.y) }.min() ?? 1
    let band = Plot.Series(
      name: "10 % above converged", points: [(x: 0, y: 1.1), (x: 4_000, y: 1.1)],
      color: "#5b6675", dashes: "4 4")
    let plot = Plot(
      title: "Learning curves", xLabel: "decisions since the beginning or the change",
      yLabel: "cost / converged cost", xRange: 0...4_000,
      yRange: min(low, 0.9)...max(high * 1.02, 1.2), series: lines + [band])
    return """
      <h2>How fast the bandit learns</h2>
      <p>Mean over \(run.bandit[0].seeds) seeds of the cost an utterance, as a share of what the bandit itself costs once it has
      converged (decisions 2000 to 4000).</p>
      <figure>
      \(plot.svg)\(plot.legend)</figure>
      """
  }

  private var budget: String {
    guard !run.budget.isEmpty else { return "" }
    let rows = run.budget.map { budget in
      row([
        cell(HTMLText.escape(budget.scenario)), cell(HTMLText.number(budget.megabytesPerDay)),
        cell(HTMLText.number(budget.mostOnADay)), cell("\(budget.exceeded)"),
        cell(HTMLText.number(budget.meanCost)),
        cell(
          "\(HTMLText.number(budget.bestThresholdCost)) <span class=\"dim\">(\(HTMLText.escape(budget.bestThreshold)))</span>"
        ),
        cell(HTMLText.number(budget.unlimitedCost)), cell(HTMLText.number(budget.localCost)),
      ])
    }
    return """
      <h2>With a budget</h2>
      <p>Megabytes a device and day. The best threshold was chosen knowing the whole run, and keeps the budget on the mean over
      devices and days only; <em>budget</em> keeps it for each device on each day.</p>
      <div class="scroll"><table><tr><th>scenario</th><th>budget</th><th>most on a day</th><th>days above it</th>
      <th>cost</th><th>best threshold in hindsight</th><th>without a budget</th><th>always local</th></tr>
      \(rows.joined(separator: "\n"))
      </table></div>
      """
  }
}
