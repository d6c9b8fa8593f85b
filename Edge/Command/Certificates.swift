import ArgumentParser
import Commands
import Foundation
import SecureTransport

struct Certificates: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a private authority, and certificates for the edge and its devices.",
    subcommands: [Initialize.self, Issue.self])

  struct Initialize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "init", abstract: "Make an authority: ca.pem and ca.key.")

    @Option(help: "Where to write; made if it is not there.")
    var folder: PathArgument

    @Option(help: "The authority's name.")
    var name = "Tandem authority"

    @Option(help: "Days that it holds.")
    var days = 3_650

    @Flag(help: "Replace an authority that is there; all it signed stops being trusted.")
    var overwrite = false

    func run() async throws {
      try await program.reporting {
        let authority = try CertificateAuthority.create(
          inFolder: folder.path, commonName: name, days: days, overwrite: overwrite)
        try Output.print(
          "wrote \(authority.certificatePath) and \(authority.privateKeyPath) (keep it secret)"
        )
      }
    }
  }

  struct Issue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Issue a certificate: NAME.pem and NAME.key.")

    @Option(
      help: "The authority's folder; the certificate is written there unless --into is given.")
    var folder: PathArgument

    @Option(help: "server (an edge) or device.")
    var use: CertificateRequest.Use

    @Option(help: "The owner's name, and the files'.")
    var name: String

    @Option(help: "A DNS name that the server answers to; may be given several times.")
    var dns: [String] = []

    @Option(help: "An IP address that the server answers at; may be given several times.")
    var address: [String] = []

    @Option(help: "Days that it holds.")
    var days = 365

    @Option(help: "Days ago that it begins to hold; for tests of expiry.")
    var validFromDaysAgo: Int?

    @Option(help: "Folder for the certificate and key.")
    var into: PathArgument?

    func validate() throws {
      if let validFromDaysAgo, !(-36_500...36_500).contains(validFromDaysAgo) {
        throw ValidationError("--valid-from-days-ago must be -36500 to 36500")
      }
    }

    @Flag(help: "Replace files that are there.")
    var overwrite = false

    func run() async throws {
      try await program.reporting {
        let issued = try CertificateAuthority(folder: folder.path).issue(
          CertificateRequest(
            use: use, commonName: name, dnsNames: dns, addresses: address,
            validFrom: validFromDaysAgo.map { Date(timeIntervalSinceNow: -86_400 * Double($0)) },
            days: days),
          intoFolder: (into ?? folder).path, overwrite: overwrite)
        try Output.print("wrote \(issued.certificatePath) and \(issued.privateKeyPath)")
      }
    }
  }
}

extension CertificateRequest.Use: ExpressibleByArgument {}
