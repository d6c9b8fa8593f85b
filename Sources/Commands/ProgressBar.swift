import Synchronization

/// A bar on the terminal's last line while long work goes on; nothing where standard error is no terminal.
public final class ProgressBar: Sendable {
  private let title: String
  private let total: Int
  private let started = ContinuousClock.now
  private let last = Mutex<ContinuousClock.Instant?>(nil)

  public init(_ title: String, total: Int) {
    self.title = title
    self.total = total
  }

  /// - Parameter done: of the total; the bar goes away with the last one.
  public func update(_ done: Int) {
    guard total > 0 else { return }
    let now = ContinuousClock.now
    let draws = last.withLock { last in
      if let last, done < total, last.duration(to: now) < .milliseconds(100) { return false }
      last = now
      return true
    }
    guard draws else { return }
    guard done < total else { return Output.draw(bar: "") }
    let width = 30
    let filled = width * done / total
    let elapsed = started.duration(to: now)
    let left =
      done == 0 ? 0 : Double(elapsed.components.seconds) * Double(total - done) / Double(done)
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
    Output.draw(bar: "\(title) \(bar) \(done)/\(total), \(Int(left)) s left")
  }
}
