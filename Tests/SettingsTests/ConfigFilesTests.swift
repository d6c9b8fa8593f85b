import Foundation
import Offload
import Testing

@testable import Settings

/// The files in `Config/` and the tables in the code say the same.
///
/// After a change of a table: `TANDEM_WRITE_CONFIG=1 swift test --filter ConfigFilesTests` writes them anew.
@Suite struct ConfigFilesTests {
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Config")

  struct Document: Sendable, CustomTestStringConvertible {
    var name: String
    var keys: [SettingKey]
    var header: String
    var testDescription: String { name }
    var path: String { folder.appendingPathComponent(name).path }
  }

  static let documents = [
    Document(
      name: "device.yaml", keys: DeviceSettings.keys, header: DeviceSettings.fileHeader),
    Document(name: "edge.yaml", keys: EdgeSettings.keys, header: EdgeSettings.fileHeader),
    Document(name: "costs.yaml", keys: CostSettings.keys, header: CostSettings.fileHeader),
  ]

  @Test(arguments: documents) func everyKeyIsDocumentedWithItsDefault(document: Document) throws {
    let expected = SettingsDocument.documented(keys: document.keys, header: document.header)
    if ProcessInfo.processInfo.environment["TANDEM_WRITE_CONFIG"] != nil {
      try FileManager.default.createDirectory(
        at: Self.folder, withIntermediateDirectories: true)
      try expected.write(toFile: document.path, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOfFile: document.path, encoding: .utf8) == expected)
    #expect(!document.keys.contains { $0.documentation.count < 15 })
    #expect(Set(document.keys.map(\.name)).count == document.keys.count)
    #expect(Set(document.keys.map(\.environmentName)).count == document.keys.count)
    #expect(!expected.split(separator: "\n").contains { $0.count > 100 })
  }

  @Test(arguments: documents) func filesParseToTheDefaults(document: Document) throws {
    let resolved = try ResolvedSettings(
      keys: document.keys, sources: SettingsSources(file: SettingsFile(path: document.path)),
      environmentPrefix: nil)
    for key in document.keys {
      #expect(resolved[key.name].value == key.defaultValue, "\(key.name)")
      guard case .file(document.path, _) = resolved[key.name].origin else {
        Issue.record("\(key.name) is not in \(document.name)")
        continue
      }
    }
  }

  /// A default outside its own range could be dumped but not read.
  @Test(arguments: documents) func defaultsAreAllowed(document: Document) throws {
    for key in document.keys {
      let text: String
      if case .string(let plain) = key.defaultValue {
        text = plain
      } else {
        text = key.defaultValue.description
      }
      #expect(try key.kind.parse(text, key: key.name, origin: .builtIn) == key.defaultValue)
    }
  }

  @Test func costsParseToTheStandardModel() throws {
    let file = try SettingsFile(path: Self.folder.appendingPathComponent("costs.yaml").path)
    #expect(try CostSettings.load(file) == .standard)
    #expect(try CostSettings.load(nil) == .standard)
  }

  @Test func costsCanBeChangedOneByOne() throws {
    let file = try SettingsFile(
      text: "weights:\n  joule: 7\nradios:\n  lte:\n    tailSeconds: 0\n", path: "costs.yaml")
    let model = try CostSettings.load(file)
    #expect(model.weights.joule == 7)
    #expect(model.radios[.lte]?.tailSeconds == 0)
    #expect(model.weights.wordError == CostModel.standard.weights.wordError)
    #expect(throws: SettingsError.self) {
      try CostSettings.load(SettingsFile(text: "weights:\n  joule: -1\n", path: "c"))
    }
  }

  @Test func defaultsOfTheDevice() throws {
    let settings = try DeviceSettings()
    #expect(settings.policy == "confidence")
    #expect(settings.criterion == .probability)
    #expect(ConfidenceCriterion.usual(policy: "model-based") == .sentencePosterior)
    #expect(settings.offloadAfterExit == nil)
    #expect(settings.splitLayer == nil)
    #expect(settings.codec.name == "int8")
    #expect(settings.packetDuration == 0.32)
    #expect(settings.deadlineSeconds == 2)
    #expect(settings.hedge)
    #expect(!settings.storeTranscripts)
    #expect(settings.maximumUtteranceSeconds == 30)
    #expect(settings.edgeHost == nil)
    #expect(settings.certificates.certificate == nil)
    #expect(settings.deviceClass == .laptop)
    #expect(try settings.costModel() == .standard)
  }

  @Test func everyPolicyCanBeMadeFromItsSetting() throws {
    for name in PolicyRegistry.names {
      let settings = try DeviceSettings(SettingsSources(flags: ["policy": name]))
      #expect(try settings.makePolicy(calibration: .empty).name == name)
    }
    let missing = try DeviceSettings(SettingsSources(flags: ["costs": "/nowhere/costs.yaml"]))
    #expect(throws: SettingsError.self) { try missing.makePolicy(calibration: .empty) }
  }

  @Test func defaultsOfTheEdge() throws {
    let settings = try EdgeSettings()
    #expect(settings.host == "127.0.0.1")
    #expect(settings.port == 7443)
    #expect(settings.inferenceThreads == nil)
    #expect(settings.requireClientCertificate)
    #expect(settings.beamSize == 8)
    let changed = try EdgeSettings(
      SettingsSources(flags: ["inference.threads": "3", "port": "0"]))
    #expect(changed.inferenceThreads == 3)
    #expect(changed.port == 0)
  }

  @Test func exitCodesAreThoseOfSysexits() {
    #expect(
      ExitStatus.allCases.map(\.rawValue) == [0, 64, 65, 66, 69, 70, 73, 74, 75, 77, 78])
  }
}
