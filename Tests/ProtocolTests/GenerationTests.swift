import Foundation
import Testing

/// The committed code is what `tandem.proto` generates. Skips, and says so, where the
/// generators are not installed (Protocol/generate.sh says how to get them).
@Suite("Generated code")
struct GenerationTests {
  private static func generate(into folder: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = Repository.url("Protocol/generate.sh")
    process.arguments = [folder]
    let output = Pipe()
    process.standardError = output
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  /// EX_UNAVAILABLE (sysexits.h).
  private static let toolIsMissing: Int32 = 69

  @Test("a fresh generation equals what is committed")
  func fresh() throws {
    let folder = NSTemporaryDirectory() + "tandem-generated-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (status, output) = try Self.generate(into: folder)
    if status == Self.toolIsMissing {
      try Test.cancel("not compared: \(output)")
    }
    #expect(status == 0, "\(output)")
    for name in ["tandem.pb.swift", "tandem.grpc.swift"] {
      let fresh = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
      #expect(try fresh == Repository.text("Protocol/Generated/" + name), "\(name)")
    }
  }
}
