import Offload

/// A policy that keeps its memory in a file: what whoever runs it may ask.
public protocol MemoryKeeper: LearningPolicy {
  /// How often the memory could not be written, and why the last time.
  var losses: LossReport { get }
  /// Returns when what was learnt so far is on the disk, or lost.
  func flush() async
}
