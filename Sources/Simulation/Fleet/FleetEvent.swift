/// What can happen in a fleet. Exchanges are named by their slot and serial number: a slot is used again, and what
/// was scheduled for its former holder is then ignored.
enum FleetEvent: Sendable {
  /// The user begins to speak, and stops.
  case listen(device: Int)
  case speak(device: Int)
  case startArrives(slot: Int, serial: Int)
  case featuresArrive(slot: Int, serial: Int)
  case served(slot: Int, serial: Int, seconds: Double)
  case answerArrives(slot: Int, serial: Int, serverSeconds: Double)
  case failureArrives(slot: Int, serial: Int, failure: UtteranceResult.Failure)
  case deadline(slot: Int, serial: Int)
  case backgroundArrives(index: Int)
  case backgroundServed(generation: Int, seconds: Double)
  case crash
}
