/// One utterance as it ends: who spoke, what, when, and the chance it meets. The same for every strategy.
struct UtteranceContext: Sendable {
  var device: Int
  /// The device's how-manieth it is, from 1.
  var number: Int
  /// Index into the profile.
  var utterance: Int
  /// When the user stopped speaking.
  var wanted: Double
  /// When the device began with what came after: later only if it was still busy with the one before.
  var began: Double
  /// When the answer has to be there.
  var deadline: Double
  var moment: LinkMoment
  /// Bits/s of the uplink, and seconds of wait at the edge, when it began: for the report.
  var rate: Double
  var wait: Double

  /// Names it among all utterances of a fleet.
  var identity: UInt64 { UInt64(device) << 32 | UInt64(number) }
}
