import ArgumentParser
import Basics
import Commands
import Settings

@main
struct TandemDeviceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem-device",
    abstract: "Recognise speech here, and with an edge server's help where that pays.",
    discussion: """
      Everything locally, nothing leaves the device:
        tandem-device transcribe --policy always-local recording.wav

      With an edge, by the model's own confidence:
        tandem-device transcribe --edge-host edge.local \\
          --certificates-certificate device.pem --certificates-private-key device.key \\
          --certificates-authority ca.pem *.wav

      What was decided, and why:
        tandem-device decisions summary
      """,
    version: Release.version,
    subcommands: [Transcribe.self, Decisions.self, Describe.self, RecordPackets.self])

  static func main() async { await program.main(Self.self, keys: DeviceSettings.keys) }
}

let program = Program(name: "tandem-device", exitStatus: exitStatus(of:))

typealias DeviceOptions = SettingsOptions<DeviceSettings>
