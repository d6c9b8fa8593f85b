import ArgumentParser
import Conformer
import Decoding
import Foundation
import Logging
import SecureTransport
import ServiceLifecycle
import Settings
import TandemEdge

@main
struct TandemEdgeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tandem-edge",
    abstract: "Finish what devices begin: remaining layers and second-pass decoder, over TLS.",
    discussion: """
      A private authority and certificates, once:
        tandem-edge certificates init --folder certificates
        tandem-edge certificates issue --folder certificates --use server --name edge --dns edge.local
        tandem-edge certificates issue --folder certificates --use device --name kitchen

      Then serve:
        tandem-edge serve --certificates-certificate certificates/edge.pem \\
          --certificates-private-key certificates/edge.key --certificates-authority certificates/ca.pem
      """,
    subcommands: [Serve.self, Certificates.self])

  /// The settings' flags are taken out first, so that every key of Config/edge.yaml is a flag.
  static func main() async {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      let flags =
        arguments.first == "serve"
        ? try SettingFlags(arguments: arguments, keys: EdgeSettings.keys) : nil
      await SettingsContext.$flags.withValue(flags?.flags ?? [:]) {
        await main(flags?.rest ?? arguments)
      }
    } catch {
      complain("\(error)")
      Foundation.exit(ExitStatus.usage.rawValue)
    }
  }
}

/// The settings' flags of this invocation.
enum SettingsContext {
  @TaskLocal static var flags: [String: String] = [:]
}

func complain(_ message: String) {
  FileHandle.standardError.write(Data("tandem-edge: \(message)\n".utf8))
}

/// Runs a command's body; what goes wrong is named on standard error, with a sysexits code.
func reporting(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let error as ExitCode {
    throw error
  } catch let error as ValidationError {
    throw error
  } catch {
    complain("\(error)")
    let status: ExitStatus =
      switch error {
      case let error as SettingsError: error.exitStatus
      case let error as ModelError: if case .missingFile = error { .noInput } else { .data }
      case is LanguageModelError, is DecodingSettingsError: .data
      case let error as LexiconError: if case .unreadable = error { .noInput } else { .data }
      case let error as TLSError:
        switch error.kind {
        case .addressInUse, .address: .unavailable
        case .file: .noInput
        default: .configuration
        }
      default: .software
      }
    throw ExitCode(status.rawValue)
  }
}
