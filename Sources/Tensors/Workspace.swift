/// Scratch memory that grows to what was asked of it and stays: one for each stream, so that
/// a chunk costs no allocation. Not Sendable: a stream belongs to one thread at a time.
public final class Workspace {
  private var slots: [UnsafeMutableBufferPointer<Float>] = []

  public init() {}

  deinit { for slot in slots { slot.deallocate() } }

  /// At least `count` floats, the same memory for the same `slot`; what they hold is unspecified.
  public func floats(_ slot: Int, count: Int) -> UnsafeMutablePointer<Float> {
    while slots.count <= slot { slots.append(.allocate(capacity: 0)) }
    if slots[slot].count < count {
      slots[slot].deallocate()
      slots[slot] = .allocate(capacity: count)
      slots[slot].initialize(repeating: 0)
    }
    return slots[slot].baseAddress!
  }
}
