import Foundation
import Testing

@testable import Settings

@Suite("What people do to a configuration")
struct ConfigurationFaultTests {
  @Test("Variables with which Kubernetes and Docker describe a service are no settings")
  func orchestrators() throws {
    for name in ["TANDEM_EDGE", "TANDEM_EDGE_METRICS", "TANDEM_EDGE_HOST"] {
      let settings = try EdgeSettings(
        SettingsSources(environment: [
          name + "_SERVICE_HOST": "10.0.0.11", name + "_SERVICE_PORT": "7443",
          name + "_SERVICE_PORT_GRPC": "7443", name + "_PORT": "tcp://10.0.0.11:7443",
          name + "_PORT_7443_TCP": "tcp://10.0.0.11:7443", name + "_PORT_7443_TCP_PROTO": "tcp",
          name + "_PORT_7443_TCP_PORT": "7443", name + "_PORT_7443_TCP_ADDR": "10.0.0.11",
          name + "_PORT_53_UDP": "udp://10.0.0.11:53", name + "_NAME": "/web/edge",
          name + "_ENV_PATH": "/bin",
        ]))
      #expect(settings.port == 7443)
      #expect(settings.resolved["port"].origin == .builtIn)
    }
    let device = try DeviceSettings(
      SettingsSources(environment: [
        "TANDEM_DEVICE_EDGE_PORT": "tcp://10.0.0.11:7443", "TANDEM_DEVICE_SERVICE_HOST": "10.0.0.1",
      ]))
    #expect(device.resolved["edge.port"].origin == .builtIn)
  }

  @Test func whatAUserSetsInTheEnvironmentStillCounts() throws {
    #expect(
      try EdgeSettings(SettingsSources(environment: ["TANDEM_EDGE_PORT": "8000"])).port == 8000)
    #expect(throws: SettingsError.self) {
      try EdgeSettings(SettingsSources(environment: ["TANDEM_EDGE_PORT": "eighty"]))
    }
    #expect(throws: SettingsError.self) {
      try EdgeSettings(SettingsSources(environment: ["TANDEM_EDGE_PROT": "8000"]))
    }
  }

  @Test("A section whose keys are all commented out sets nothing")
  func emptySection() throws {
    let file = try SettingsFile(
      text: "edge:\n  # host: a\n  # port: 1\npolicy: always-local\ncertificates: ~\n",
      path: "device.yaml")
    let settings = try DeviceSettings(SettingsSources(file: file))
    #expect(settings.policy == "always-local")
    #expect(settings.edgeHost == nil)
    #expect(throws: SettingsError.self) {
      try DeviceSettings(
        SettingsSources(file: try SettingsFile(text: "edgy:\n", path: "device.yaml")))
    }
    #expect(throws: SettingsError.self) {
      try DeviceSettings(
        SettingsSources(file: try SettingsFile(text: "edge: 7443\n", path: "device.yaml")))
    }
  }

  @Test("Aliases of aliases end in a moment, with an error", .timeLimit(.minutes(1)))
  func aliasBomb() {
    var yaml = "a0: &a0 {x: 1, y: 2}\n"
    for level in 1...40 {
      yaml += "a\(level): &a\(level) {x: *a\(level - 1), y: *a\(level - 1)}\n"
    }
    let began = ContinuousClock.now
    #expect(throws: SettingsError.self) { try SettingsFile(text: yaml, path: "bomb.yaml") }
    #expect(began.duration(to: .now) < .seconds(5))
  }

  @Test func linesMayEndAsOnWindows() throws {
    let folder = NSTemporaryDirectory() + "tandem-settings-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/device.yaml"
    try Data("\u{FEFF}edge:\r\n  port: 1\r\npolicy: always-local\r\n".utf8)
      .write(to: URL(fileURLWithPath: path))
    let settings = try DeviceSettings(SettingsSources(file: SettingsFile(path: path)))
    #expect(settings.edgePort == 1)
    #expect(settings.policy == "always-local")
  }

  @Test("The model's folder has a name; an empty one would be the root")
  func emptyFolder() {
    for flags in [["model": ""]] {
      #expect(throws: SettingsError.self) { try DeviceSettings(SettingsSources(flags: flags)) }
      #expect(throws: SettingsError.self) { try EdgeSettings(SettingsSources(flags: flags)) }
    }
  }

  @Test("An edge's limits are those of the protocol at most, and whole")
  func limits() throws {
    for (key, values) in [
      "limits.seconds": ["3600", "121", "2.9", "0"], "limits.messageBytes": ["1048577", "1023"],
      "limits.packets": ["3001"], "limits.bytes": ["33554433"],
    ] {
      for value in values {
        #expect(throws: SettingsError.self, "\(key) \(value)") {
          try EdgeSettings(SettingsSources(flags: [key: value]))
        }
      }
    }
    #expect(
      try EdgeSettings(SettingsSources(flags: ["limits.seconds": "120"])).maximumSeconds == 120)
  }
}

@Suite("Flags as people write them")
struct FlagFaultTests {
  private func parse(_ arguments: String...) throws -> SettingFlags {
    try SettingFlags(arguments: arguments, keys: DeviceSettings.keys)
  }

  @Test func aFlagIsNoValue() throws {
    #expect(throws: SettingsError.self) {
      try parse("--decision-log-path", "--format", "json", "a.wav")
    }
    #expect(try parse("--decision-log-path=--format").flags == ["decisionLog.path": "--format"])
    #expect(try parse("--offload-split-layer", "-1").flags == ["offload.splitLayer": "-1"])
    #expect(try parse("--decision-log-path", "").flags == ["decisionLog.path": ""])
  }

  @Test func aBooleanTakesAValueToo() throws {
    #expect(try parse("--hedge", "false", "a.wav").flags == ["hedge": "false"])
    #expect(try parse("--hedge", "false", "a.wav").rest == ["a.wav"])
    #expect(try parse("--hedge", "true").flags == ["hedge": "true"])
    #expect(try parse("--hedge", "a.wav").rest == ["a.wav"])
  }
}
