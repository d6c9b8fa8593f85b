import Foundation
import Offload
import Testing

@testable import Settings

@Suite struct ResolutionTests {
  static func error(
    _ yaml: String = "", flags: [String: String] = [:], environment: [String: String] = [:]
  ) -> SettingsError? {
    do throws(SettingsError) {
      _ = try DeviceSettings(
        SettingsSources(
          flags: flags, environment: environment,
          file: SettingsFile(text: yaml, path: "device.yaml")))
      return nil
    } catch { return error }
  }

  @Test func flagsBeatEnvironmentBeatsFileBeatsDefault() throws {
    let file = try SettingsFile(
      text: "policy: always-edge\nedge:\n  host: a.example\n  port: 1\ndeadlineSeconds: 1\n",
      path: "device.yaml")
    let settings = try DeviceSettings(
      SettingsSources(
        flags: ["edge.port": "3"],
        environment: [
          "TANDEM_DEVICE_EDGE_PORT": "2", "TANDEM_DEVICE_EDGE_HOST": "b.example", "HOME": "/",
          "TANDEM_EDGE_PORT": "9", "TANDEM_DEVICE_CONFIG": "x.yaml",
        ], file: file))
    #expect(settings.edgePort == 3)
    #expect(settings.edgeHost == "b.example")
    #expect(settings.policy == "always-edge")
    #expect(settings.deadlineSeconds == 1)
    #expect(settings.hedge)
    #expect(settings.resolved["edge.port"].origin == .flag("--edge-port"))
    #expect(settings.resolved["edge.host"].origin == .environment("TANDEM_DEVICE_EDGE_HOST"))
    #expect(settings.resolved["policy"].origin == .file(path: "device.yaml", line: 1))
    #expect(settings.resolved["deadlineSeconds"].origin == .file(path: "device.yaml", line: 5))
    #expect(settings.resolved["hedge"].origin == .builtIn)
  }

  @Test func unknownKeysAreNamedWithPlaceAndNeighbour() {
    #expect(
      Self.error("policy: confidence\nedge:\n  prot: 1\n")
        == .unknownKey(
          key: "edge.prot", origin: .file(path: "device.yaml", line: 3), nearest: "edge.port"))
    #expect(
      Self.error("polcy: confidence")?.description
        == "device.yaml:1: there is no setting 'polcy'; did you mean 'policy'?")
    #expect(
      Self.error("qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq: 1")?.description
        .contains("did you mean") == false)
    #expect(
      Self.error(environment: ["TANDEM_DEVICE_EDGE_PROT": "1"])?.description
        == "environment variable TANDEM_DEVICE_EDGE_PROT: there is no setting "
        + "'TANDEM_DEVICE_EDGE_PROT'; did you mean 'TANDEM_DEVICE_EDGE_PORT'?")
    #expect(
      Self.error(flags: ["edge.hots": "x"])
        == .unknownKey(key: "edge.hots", origin: .flag("edge.hots"), nearest: "edge.host"))
  }

  @Test func wrongTypesAreNamed() {
    let origin = SettingOrigin.file(path: "device.yaml", line: 1)
    for (yaml, key) in [
      ("edge.port: high", "edge.port"), ("edge.port: 1.5", "edge.port"),
      ("deadlineSeconds: soon", "deadlineSeconds"), ("deadlineSeconds: .nan", "deadlineSeconds"),
      ("hedge: yes", "hedge"), ("hedge: 1", "hedge"), ("hedge: ", "hedge"),
      ("threads: [1, 2]", "threads"),
    ] {
      guard case .wrongType(key, origin, _, _) = Self.error(yaml) else {
        Issue.record("\(yaml) gave \(String(describing: Self.error(yaml)))")
        continue
      }
    }
    #expect(
      Self.error("hedge: yes")?.description
        == "device.yaml:1: 'hedge' is 'yes', it must be true or false")
  }

  @Test func valuesOutOfRangeAreNamed() {
    #expect(
      Self.error("edge:\n  port: 65536")?.description
        == "device.yaml:2: 'edge.port' is 65536, it must be a whole number from 1 to 65535")
    #expect(Self.error("edge.port: 65535") == nil)
    #expect(Self.error("edge.port: 0") != nil)
    #expect(
      Self.error(flags: ["deadlineSeconds": "-1"])?.description
        == "flag --deadline-seconds: 'deadlineSeconds' is -1, it must be a number from 0.05 to 600")
  }

  @Test func unknownChoicesAreNamed() {
    #expect(
      Self.error("policy: confidance")?.description
        == "device.yaml:1: 'policy' is 'confidance', it must be one of "
        + "\(PolicyRegistry.names.joined(separator: ", ")); did you mean 'confidence'?")
    #expect(Self.error("offload:\n  codec: opus")?.description.contains("float32, int8") == true)
  }

  @Test func aMistakeIsNotHiddenByAnOverride() {
    #expect(Self.error("edge.port: x", flags: ["edge.port": "5"]) != nil)
  }

  @Test func filesThatAreNoConfigurationAreNamed() {
    #expect(
      Self.error("a: [1")?.description.hasPrefix("device.yaml:") == true)
    guard case .malformedFile("device.yaml", 1, _) = Self.error("- a\n- b\n") else {
      Issue.record("a list was taken")
      return
    }
    guard case .duplicateKey("policy", _) = Self.error("policy: a\nhedge: true\npolicy: b\n") else {
      Issue.record("\(String(describing: Self.error("policy: a\nhedge: true\npolicy: b\n")))")
      return
    }
    guard
      case .duplicateKey("edge.port", .file("device.yaml", 3)) = Self.error(
        "edge.port: 1\nedge:\n  port: 2\n")
    else {
      Issue.record("a key was set twice")
      return
    }
    #expect(Self.error("") == nil)
    #expect(Self.error("# only a comment\n") == nil)
    let missing = #expect(throws: SettingsError.self) { try SettingsFile(path: "/nowhere/x.yaml") }
    #expect(
      missing?.description
        == "the configuration file /nowhere/x.yaml cannot be read: there is no such file")
    #expect(missing?.exitStatus == .noInput)
    #expect(Self.error("edge.port: x")?.exitStatus == .configuration)
    #expect(throws: SettingsError.self) { try SettingsFile(path: "/tmp") }
  }

  @Test func theDumpIsAConfigurationWithTheSameValues() throws {
    let settings = try DeviceSettings(
      SettingsSources(
        flags: ["model": "a b: #c\"\\", "edge.host": "edge.example", "deadlineSeconds": "0.25"],
        environment: ["TANDEM_DEVICE_HEDGE": "false"]))
    let dump = settings.resolved.dump()
    #expect(dump.contains("  host: edge.example  # flag --edge-host\n"))
    #expect(dump.contains("hedge: false  # environment variable TANDEM_DEVICE_HEDGE\n"))
    #expect(dump.contains("threads: 1  # default\n"))
    let again = try DeviceSettings(
      SettingsSources(file: SettingsFile(text: dump, path: "dump.yaml")))
    for key in DeviceSettings.keys {
      #expect(again.resolved[key.name].value == settings.resolved[key.name].value)
    }
  }

  @Test func namesOfFlagsAndVariables() {
    let key = SettingKey("edge.serverName", .string, default: .string(""), "")
    #expect(key.flag == "--edge-server-name")
    #expect(key.environmentName == "EDGE_SERVER_NAME")
  }

  @Test func emptyTextMeansNotSet() throws {
    let settings = try DeviceSettings(
      SettingsSources(
        file: SettingsFile(text: "decisionLog:\n  path:\nedge:\n  host: ~\n", path: "d")))
    #expect(settings.decisionLog == nil)
    #expect(settings.edgeHost == nil)
  }
}
