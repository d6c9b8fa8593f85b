import Commands
import Foundation

/// A line on standard error while a run goes on, and its speed at the end. Speeds stand nowhere else: what is
/// written to files must not depend on the machine.
final class Progress {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var began: ContinuousClock.Instant?
  private var name = ""

  func tell(_ strategy: String, _ share: Double) {
    if name != strategy {
      name = strategy
      began = .now
    }
    guard share >= 1 || isTerminal else { return }
    var line = "\(strategy) \(Int(share * 100)) %"
    if share >= 1, let began {
      let seconds = began.duration(to: .now)
      line += ", \(seconds)"
    }
    share >= 1 ? Output.complain(line) : Output.draw(bar: line)
    if share >= 1 { name = "" }
  }
}
