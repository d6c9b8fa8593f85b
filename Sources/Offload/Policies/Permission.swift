/// Whether a decision may be carried out.
public enum Permission: Hashable, Sendable {
  /// It may. With a budget of bytes it must not send and receive more than `bytes`, framing included: the
  /// transport is to end the stream there. nil: no limit.
  case granted(bytes: Double?)
  /// It may not: what was there when it was decided is taken. Decide again.
  case refused
}
