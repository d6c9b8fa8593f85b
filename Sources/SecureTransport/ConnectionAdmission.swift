/// Which connections a server keeps open, as a pure state machine: whoever has not proved who it is gives way to
/// whoever comes next.
///
/// A client that opens connections and says nothing must not keep devices out. Until its handshake is done a connection is a
/// stranger; too many strangers from one address, or at a full server, cost the oldest of them its place. A
/// server that is full of proven clients refuses one more.
struct ConnectionAdmission {
  typealias Number = UInt64

  enum Verdict: Equatable {
    /// - closing: The stranger that loses its place to this one.
    case admitted(closing: Number?)
    case refused
  }

  /// Open connections.
  let maximum: Int
  /// Strangers from one address.
  let maximumStrangers: Int
  private var count = 0
  private var next: Number = 0
  private var strangers: [Number: String] = [:]
  private var bySource: [String: [Number]] = [:]

  init(maximum: Int, maximumStrangers: Int) {
    self.maximum = max(1, maximum)
    self.maximumStrangers = max(1, maximumStrangers)
  }

  var openCount: Int { count }

  /// A connection was accepted. It counts until ``close(_:)``, refused or not.
  ///
  /// - Parameter source: The peer's address, without its port.
  mutating func open(from source: String) -> (number: Number, verdict: Verdict) {
    let number = next
    next += 1
    count += 1
    var closing: Number?
    if let crowd = bySource[source], crowd.count >= maximumStrangers {
      closing = crowd.first
    } else if count > maximum {
      closing = strangers.keys.min()
      guard closing != nil else { return (number, .refused) }
    }
    if let closing { forget(closing) }
    strangers[number] = source
    bySource[source, default: []].append(number)
    return (number, .admitted(closing: closing))
  }

  /// Its handshake is done.
  mutating func prove(_ number: Number) { forget(number) }

  mutating func close(_ number: Number) {
    forget(number)
    count -= 1
  }

  private mutating func forget(_ number: Number) {
    guard let source = strangers.removeValue(forKey: number) else { return }
    bySource[source]?.removeAll { $0 == number }
    if bySource[source]?.isEmpty == true { bySource[source] = nil }
  }
}
