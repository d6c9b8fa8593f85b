import DecisionLog
import Foundation
import Logging
import Models
import Offload
import Settings

extension DeviceRecognizer {
  /// The policy in force; one that learns goes on from where the last run ended.
  static func policy(
    _ settings: DeviceSettings, model: any SpeechModel, log: Logger
  ) throws -> any Policy {
    let policySettings = try settings.policySettings(
      calibration: try calibration(directory: settings.model))
    guard let folder = settings.policyMemory else {
      let policy = try PolicyRegistry.policy(named: settings.policy, settings: policySettings)
      if policy is any LearningPolicy {
        log.warning(
          "policyMemory is empty: the policy \(policy.name) forgets at the end what it spent and learnt"
        )
      }
      return policy
    }
    return try PolicyMemory(
      folder: folder, model: model.fingerprint,
      edge: settings.edgeHost.map { "\($0):\(settings.edgePort)" } ?? "",
      tell: { log.warning("\($0)") }
    ).policy(named: settings.policy, settings: policySettings)
  }
}
