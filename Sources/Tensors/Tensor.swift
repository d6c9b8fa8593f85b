/// A tensor of float32 that nothing changes: weights, row-major.
///
/// The values lie in a mapped file, or in memory that this object owns when they
/// had to be widened from 16 bits.
// @unchecked Sendable holds because the memory behind `values` is written before
// `init` returns and never afterwards, and `owner` keeps it alive.
public final class Tensor: @unchecked Sendable {
  public let shape: [Int]
  /// Valid while the tensor is held.
  public let values: UnsafeBufferPointer<Float>
  private let owner: AnyObject?
  private let allocation: UnsafeMutableBufferPointer<Float>?

  /// A view of memory that `owner` keeps alive.
  init(shape: [Int], values: UnsafeBufferPointer<Float>, owner: AnyObject) {
    self.shape = shape
    self.values = values
    self.owner = owner
    self.allocation = nil
  }

  /// A tensor of its own memory, filled by `body`.
  public init(shape: [Int], filledBy body: (UnsafeMutableBufferPointer<Float>) -> Void) {
    let count = shape.reduce(1, *)
    let allocation = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    allocation.initialize(repeating: 0)
    body(allocation)
    self.shape = shape
    self.values = UnsafeBufferPointer(allocation)
    self.owner = nil
    self.allocation = allocation
  }

  public convenience init(shape: [Int], values: [Float]) {
    precondition(values.count == shape.reduce(1, *), "a tensor's values must fill its shape")
    self.init(shape: shape) { _ = $0.update(fromContentsOf: values) }
  }

  deinit { allocation?.deallocate() }

  public var count: Int { values.count }

  /// A copy of the values. `values` is only valid while the tensor is held; this is always.
  public var array: [Float] { withExtendedLifetime(self) { Array(values) } }

  /// The first value; valid while the tensor is held.
  public var pointer: UnsafePointer<Float> { values.baseAddress! }
}
