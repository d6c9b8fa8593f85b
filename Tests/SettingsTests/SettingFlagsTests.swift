import Settings
import Testing

@Suite struct SettingFlagsTests {
  func parse(_ arguments: String...) throws -> SettingFlags {
    try SettingFlags(arguments: arguments, keys: DeviceSettings.keys)
  }

  @Test func everyKeyIsAFlag() throws {
    for key in DeviceSettings.keys where key.kind != .boolean {
      #expect(try parse(key.flag, "x").flags == [key.name: "x"])
      #expect(try parse(key.flag + "=a=b").flags == [key.name: "a=b"])
    }
  }

  @Test func booleansStandAlone() throws {
    #expect(try parse("--hedge", "a.wav").flags == ["hedge": "true"])
    #expect(try parse("--no-hedge", "a.wav").rest == ["a.wav"])
    #expect(try parse("--no-hedge").flags == ["hedge": "false"])
    #expect(try parse("--hedge=false").flags == ["hedge": "false"])
  }

  @Test func whatIsNoSettingIsLeftToTheCommand() throws {
    let flags = try parse("transcribe", "--json", "--edge-port", "1", "a.wav", "--", "--policy")
    #expect(flags.flags == ["edge.port": "1"])
    #expect(flags.rest == ["transcribe", "--json", "a.wav", "--", "--policy"])
  }

  @Test func aFlagWithoutItsValueIsNamed() {
    let error = #expect(throws: SettingsError.self) { try parse("--edge-port") }
    #expect(
      error?.description
        == "flag --edge-port: 'edge.port' is 'nothing', it must be a whole number from 1 to 65535")
  }
}
