/// Whether an exit's confidence passes its threshold (arXiv 2309.09546, "exit selection").
enum Judgement {
  /// `confident`, `notConfident` or `notCalibrated`.
  static func of(
    _ exit: ExitEvidence, calibration: Calibration, criterion: ConfidenceCriterion
  ) -> Reason {
    guard let entry = calibration.entry(exit: exit.exit, criterion: criterion),
      let threshold = entry.threshold
    else { return .notCalibrated(exit: exit.exit, criterion: criterion) }
    let value = exit.confidence(criterion)
    return criterion.accepts(value, threshold: threshold)
      ? .confident(exit: exit.exit, criterion: criterion, value: value, threshold: threshold)
      : .notConfident(exit: exit.exit, criterion: criterion, value: value, threshold: threshold)
  }
}
