/// Who answers an utterance once it is decided: the edge, or one of the device's own exits.
///
/// - A device that stops at an exit answers as soon as that exit is computed.
/// - An edge that was asked answers if its transcript is there by the deadline. Meanwhile the device goes on to its last
///   exit: the hedge.
/// - If the edge fails, the device's last exit is the best there is; it is waited for, until the deadline.
/// - At the deadline the deepest exit that is there is the answer.
/// - If not even the first is there by then, the first is waited for: late is better than nothing.
/// - Without a hedge, an edge that fails leaves the utterance without an answer.
///
/// Pure: events come in, the next step comes out. Events after the answer change nothing.
public struct AnswerRace: Hashable, Sendable {
  /// Where the answer is to come from.
  public enum Aim: Hashable, Sendable {
    /// The exit's number, from 1.
    case exit(Int)
    /// - hedges: whether the device computes a transcript of its own meanwhile.
    case edge(hedges: Bool)
  }

  public enum Event: Hashable, Sendable {
    /// The device has computed the next exit.
    case exitReady
    /// The edge's transcript is there.
    case answered
    /// There will be none.
    case failed(EdgeFailure)
    /// The deadline has passed; told once.
    case deadline
  }

  public enum Step: Hashable, Sendable {
    /// Compute this exit, and tell when it is there.
    case compute(exit: Int)
    /// Wait for the next event.
    case wait
    case answer(Answer)
  }

  public struct Answer: Hashable, Sendable {
    public var origin: Origin
    /// Why the edge did not answer though it was asked; nil if it did, or was not.
    public var failure: EdgeFailure?

    public init(origin: Origin, failure: EdgeFailure? = nil) {
      self.origin = origin
      self.failure = failure
    }
  }

  public let aim: Aim
  /// Exits that are there.
  public private(set) var exitsReady: Int
  public private(set) var failure: EdgeFailure?
  public private(set) var answer: Answer?
  private let exitCount: Int
  /// Nothing was there at the deadline: the first exit is the answer.
  private var isLate = false

  /// - Parameters:
  ///   - exitsReady: exits that are computed.
  ///   - exitCount: exits of the model, at least one.
  public init(aim: Aim, exitsReady: Int, exitCount: Int) {
    switch aim {
    case .exit(let exit): self.aim = .exit(min(max(exit, 1), exitCount))
    case .edge: self.aim = aim
    }
    self.exitsReady = exitsReady
    self.exitCount = exitCount
  }

  /// What to do first.
  public mutating func begin() -> Step { next() }

  public mutating func handle(_ event: Event) -> Step {
    if let answer { return .answer(answer) }
    switch event {
    case .exitReady:
      exitsReady += 1
      return isLate ? settle(.exit(exitsReady)) : next()
    case .answered:
      guard case .edge = aim, failure == nil, !isLate else { return .wait }
      return settle(.edge)
    case .failed(let why):
      guard case .edge(let hedges) = aim, failure == nil else { return .wait }
      failure = why
      if !hedges { return settle(.none) }
      return exitsReady == exitCount ? settle(.exit(exitCount)) : .wait
    case .deadline:
      if case .edge(let hedges) = aim {
        failure = failure ?? .deadline
        if !hedges { return settle(.none) }
      }
      if exitsReady > 0 { return settle(.exit(exitsReady)) }
      isLate = true
      return .compute(exit: 1)
    }
  }

  private mutating func next() -> Step {
    switch aim {
    case .exit(let exit):
      return exitsReady >= exit ? settle(.exit(exit)) : .compute(exit: exitsReady + 1)
    case .edge(let hedges):
      guard hedges, exitsReady < exitCount else {
        return failure != nil && hedges ? settle(.exit(exitsReady)) : .wait
      }
      return .compute(exit: exitsReady + 1)
    }
  }

  private mutating func settle(_ origin: Origin) -> Step {
    let answer = Answer(origin: origin, failure: failure)
    self.answer = answer
    return .answer(answer)
  }
}

/// Where a transcript came from.
public enum Origin: Hashable, Sendable {
  /// The exit's number, from 1.
  case exit(Int)
  case edge
  /// No answer: the edge failed, and the hedge was turned off.
  case none
}

extension Origin: CustomStringConvertible {
  public var description: String {
    switch self {
    case .exit(let number): "exit \(number)"
    case .edge: "edge"
    case .none: "none"
    }
  }
}
