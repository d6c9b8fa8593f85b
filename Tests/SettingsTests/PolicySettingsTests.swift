import Offload
import Testing

@testable import Settings

@Suite struct PolicySettingsTests {
  @Test func policiesAreToldWhatStandsInTheFile() throws {
    let file = try SettingsFile(
      text: """
        cloudLatencySeconds: 0.7
        budget:
          resource: joules
          perDay: 12.5
        bandit:
          exploration: 0.1
          memoryUtterances: 80
          optimism: 0
        damping: crowd
        randomSeed: 42
        """, path: "device.yaml")
    let settings = try DeviceSettings(SettingsSources(file: file)).policySettings(
      calibration: .empty)
    #expect(settings.cloudLatency == 0.7)
    #expect(settings.budget == Budget(resource: .joules, perDay: 12.5))
    #expect(settings.bandit == BanditSettings(exploration: 0.1, memory: 80, optimism: 0))
    #expect(settings.seed == 42)
    #expect(settings.dampedChoice == .crowd)
  }

  @Test func defaultsOffloadNothingOnABudget() throws {
    let settings = try DeviceSettings().policySettings(calibration: .empty)
    #expect(settings.budget?.perDay == 0)
    #expect(settings.bandit == BanditSettings())
    #expect(settings.dampedChoice == DampedChoice())
  }

  @Test func speculationIsToldWhenToBegin() throws {
    #expect(try DeviceSettings().speculation == SpeculationSettings())
    let file = try SettingsFile(
      text: "speculation: likely\nspeculationThreshold: 0.8\nedge:\n  waitHalfLifeSeconds: 5\n",
      path: "device.yaml")
    let settings = try DeviceSettings(SettingsSources(file: file))
    #expect(settings.speculation == SpeculationSettings(mode: .likely, threshold: 0.8))
    #expect(settings.waitHalfLifeSeconds == 5)
    for word in ["maybe", ""] {
      #expect(throws: SettingsError.self) {
        try DeviceSettings(SettingsSources(flags: ["speculation": word]))
      }
    }
  }

  @Test(arguments: [
    ("bandit.exploration", "1.5"), ("budget.perDay", "-1"), ("budget.resource", "bytes"),
    ("cloudLatencySeconds", "0"), ("damping", "some"),
    ("speculationThreshold", "2"), ("edge.waitHalfLifeSeconds", "0"), ("randomSeed", "-3"),
  ]) func whatMakesNoSenseIsNamed(key: String, value: String) {
    let error = #expect(throws: SettingsError.self) {
      try DeviceSettings(SettingsSources(flags: [key: value]))
    }
    #expect(error?.description.contains(key) == true)
  }
}
