/// Keeps a daily budget: what is spent, what is reserved, and the virtual queue of drift-plus-penalty.
///
/// The hard part: a reservation is granted only if everything spent today, everything reserved and not yet
/// settled, and the reservation itself fit into the day's budget. What is reserved when a day ends stays
/// reserved on the next. So as long as no utterance spends more than it reserved (the transport is told the
/// limit), no day's spending exceeds the budget, counted by the day of the offload or by the day of its end.
///
/// The soft part: a virtual queue that grows by what is spent and drains at the budget's rate (Neely,
/// Stochastic Network Optimization, 2010). Its length tells how far spending is ahead of the
/// budget, and becomes a price.
public struct BudgetLedger: Hashable, Codable, Sendable {
  /// Seconds after which a reservation that was never settled counts as spent: no utterance takes so long.
  static let longestUtterance = 600.0
  static let secondsPerDay = 86_400.0

  private struct Reservation: Hashable, Codable, Sendable {
    var amount: Double
    var time: Double
  }

  public private(set) var budget: Budget
  /// Spent on the current day, in megabytes or joules.
  public private(set) var spent = 0.0
  /// Utterances that spent more than they had reserved. Not 0: somebody ignores the limit.
  public private(set) var overruns = 0
  private var day: Double?
  private var time = 0.0
  private var reservations: [UInt64: Reservation] = [:]
  private var queue = 0.0

  public init(_ budget: Budget) {
    self.budget = budget
  }

  /// The same spending under another budget; nothing is spent of one that counts something else.
  public func with(_ budget: Budget) -> BudgetLedger {
    guard budget.resource == self.budget.resource else { return BudgetLedger(budget) }
    var ledger = self
    ledger.budget = budget
    return ledger
  }

  /// What can still be reserved at `time`.
  public func available(at time: Double) -> Double {
    var copy = self
    copy.advance(to: time)
    return max(0, budget.perDay - copy.spent - copy.reserved)
  }

  /// How far spending is ahead of the budget's rate at `time`, in megabytes or joules. What is only reserved does not count: an
  /// utterance's own reservation, for the longest there may be, would price its own offload out.
  public func backlog(at time: Double) -> Double {
    max(0, queue - max(0, time - self.time) * budget.perDay / Self.secondsPerDay)
  }

  /// Reserves `amount` for an utterance. False, and nothing changes, if it does not fit, is not a number, or
  /// the utterance has a reservation.
  public mutating func reserve(_ amount: Double, utterance: UInt64, at time: Double) -> Bool {
    advance(to: time)
    guard amount >= 0, spent + reserved + amount <= budget.perDay, reservations[utterance] == nil
    else { return false }
    reservations[utterance] = Reservation(amount: amount, time: self.time)
    return true
  }

  /// The utterance is over and took `amount`: ends its reservation.
  public mutating func settle(_ amount: Double, utterance: UInt64, at time: Double) {
    advance(to: time)
    let reserved = reservations.removeValue(forKey: utterance)?.amount ?? 0
    // What is no number is taken for all that was reserved.
    let amount = amount >= 0 && amount.isFinite ? amount : reserved
    // The rounding of a sum, not an overrun.
    if amount > reserved * (1 + 1e-9) { overruns += 1 }
    spend(amount)
  }

  private var reserved: Double { reservations.values.reduce(0) { $0 + $1.amount } }

  private mutating func spend(_ amount: Double) {
    spent += amount
    queue += amount
  }

  private mutating func advance(to now: Double) {
    // A clock that steps back must not give a second budget for the same day.
    guard now.isFinite, now > time || day == nil else { return }
    if day != nil { queue = max(0, queue - (now - time) * budget.perDay / Self.secondsPerDay) }
    time = now
    let today = (now / Self.secondsPerDay).rounded(.down)
    if today > day ?? -.infinity {
      day = today
      spent = 0
    }
    for (utterance, reservation) in reservations
    where now - reservation.time > Self.longestUtterance {
      reservations[utterance] = nil
      spend(reservation.amount)
    }
  }
}
