import Models
import Offload

extension ModelShape {
  /// Exits and operations of a model, for the cost predictions.
  public init(_ model: any SpeechModel) {
    let work = model.work
    self.init(
      exits: model.exitDepths.enumerated().map {
        ExitPoint(exit: $0.offset + 1, afterBlock: $0.element)
      },
      framesPerSecond: model.framesPerSecond, frontEndOperations: work.frontEnd,
      blockOperations: work.blocks, exitOperations: work.exit,
      secondPassOperations: work.secondPass)
  }
}
