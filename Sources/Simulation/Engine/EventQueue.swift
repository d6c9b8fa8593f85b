/// What happens next, in virtual time: a binary heap. Events of equal times leave it in the order in which
/// they were put in, so that a simulation never depends on the heap's inner order.
public struct EventQueue<Event: Sendable>: Sendable {
  private struct Entry: Sendable {
    var time: Double
    var sequence: UInt64
    var event: Event

    @inline(__always)
    func isBefore(_ other: Entry) -> Bool {
      time < other.time || (time == other.time && sequence < other.sequence)
    }
  }

  private var heap: [Entry] = []
  private var sequence: UInt64 = 0
  /// Events that have been taken out.
  public private(set) var processed = 0
  /// The most events that ever waited at one time: what bounds memory.
  public private(set) var peak = 0

  public init() {}

  public var count: Int { heap.count }
  public var isEmpty: Bool { heap.isEmpty }

  /// - Parameter time: seconds of virtual time; must be a number.
  public mutating func schedule(_ event: Event, at time: Double) {
    precondition(!time.isNaN, "an event needs a time")
    heap.append(Entry(time: time, sequence: sequence, event: event))
    sequence += 1
    if heap.count > peak { peak = heap.count }
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].isBefore(heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes out the earliest event; nil when none is left.
  public mutating func next() -> (time: Double, event: Event)? {
    guard let last = heap.popLast() else { return nil }
    processed += 1
    guard let first = heap.first else { return (last.time, last.event) }
    heap[0] = last
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < heap.count else { break }
      let right = left + 1
      let child = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
      guard heap[child].isBefore(heap[parent]) else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return (first.time, first.event)
  }
}
