import ArgumentParser
import Basics
import Commands
import Conformer
import Decoding
import Models
import SecureTransport
import Settings

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
    version: Release.version,
    subcommands: [Serve.self, Certificates.self])

  static func main() async {
    await program.main(Self.self, keys: EdgeSettings.keys) { $0.first == "serve" }
  }
}

let program = Program(name: "tandem-edge") { error in
  switch error {
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
}
