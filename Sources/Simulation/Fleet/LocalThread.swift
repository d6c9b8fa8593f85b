import Offload

/// A device's inference thread from the end of speech on: computes exit after exit, and is at one of them at a time.
struct LocalThread: Sendable {
  let timeline: LocalTimeline
  /// Until when it is busy with what is finished.
  private(set) var time: Double
  /// Exits and blocks that are finished.
  private(set) var exits: Int
  private(set) var blocks: Int
  /// The exit that it is at; nil: it waits.
  private(set) var computing: Int?

  init(_ timeline: LocalTimeline, from time: Double, exits: Int = 0, blocks: Int = 0) {
    self.timeline = timeline
    self.time = time
    self.exits = exits
    self.blocks = blocks
  }

  /// Goes on to an exit, the one after the last that is finished.
  mutating func compute(_ exit: Int) { computing = exit }

  /// When the exit that it is at is there; infinite if it waits.
  var ready: Double {
    guard let computing else { return .infinity }
    let point = timeline.shape.exits[computing - 1]
    return time
      + (timeline.blockSeconds(from: blocks, to: point.afterBlock) + timeline.exitSeconds(point))
  }

  /// The exit that it is at is there at `time`.
  mutating func finishExit(at time: Double) {
    guard let exit = computing else { return }
    self.time = time
    exits = exit
    blocks = max(blocks, timeline.shape.exits[exit - 1].afterBlock)
    computing = nil
  }

  /// Computes the features of a layer.
  mutating func compute(layer: Int) {
    time += timeline.blockSeconds(from: blocks, to: layer)
    blocks = max(blocks, layer)
  }

  /// Exits and blocks that are computed by `end`, what was done while the user spoke included. An exit that was begun by
  /// then is finished, and costs its work, though nobody needs it any more.
  func done(by end: Double) -> (exits: Int, blocks: Int) {
    var (exits, blocks) = (max(exits, timeline.exitsAhead), max(blocks, timeline.ahead))
    if let computing, time < end || ready == time {
      exits = max(exits, computing)
      blocks = max(blocks, timeline.shape.exits[computing - 1].afterBlock)
    }
    return (exits, blocks)
  }

  /// Lets a race run to its answer: exits as this thread has them ready, the edge's event, and the deadline, in the order of
  /// their times; of what comes at the same time, in this order.
  ///
  /// - Parameters:
  ///   - edge: what the edge says, and when; nil: nothing.
  ///   - start: when the race begins.
  ///   - told: hears every event, with its time.
  /// - Returns: the answer, and when it is given.
  mutating func run(
    _ race: inout AnswerRace, from start: Double, edge: (time: Double, event: AnswerRace.Event)?,
    deadline: Double, told: ((AnswerRace.Event, Double) -> Void)? = nil
  ) -> (answer: AnswerRace.Answer, time: Double) {
    var edge = edge
    var isDeadlineAhead = true
    var now = start
    var step = race.begin()
    while true {
      switch step {
      case .answer(let answer): return (answer, now)
      case .compute(let exit): compute(exit)
      case .wait: break
      }
      let exitTime = ready
      let edgeTime = edge?.time ?? .infinity
      let deadlineTime = isDeadlineAhead ? deadline : .infinity
      if exitTime <= min(edgeTime, deadlineTime), exitTime < .infinity {
        now = max(now, exitTime)
        finishExit(at: exitTime)
        told?(.exitReady, now)
        step = race.handle(.exitReady)
      } else if let event = edge?.event, edgeTime <= deadlineTime {
        now = max(now, edgeTime)
        edge = nil
        told?(event, now)
        step = race.handle(event)
      } else {
        precondition(isDeadlineAhead, "a race that has passed its deadline computes an exit")
        now = max(now, deadline)
        isDeadlineAhead = false
        told?(.deadline, now)
        step = race.handle(.deadline)
      }
    }
  }
}
