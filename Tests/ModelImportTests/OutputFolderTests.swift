import Foundation
import Testing

@testable import ModelImport

@Suite("A model folder appears whole or not at all")
struct OutputFolderTests {
  @Test func severalImportsAtOnceLeaveOneFolder() throws {
    let (source, output) = (try Folder(), try Folder())
    let model = SmallWhisper()
    try model.writeCTranslate2(source)
    let path = output.path + "/deep/er/model"
    let results = Results()
    DispatchQueue.concurrentPerform(iterations: 6) { _ in
      results.add((try? ModelImporter().run(source: source.path, output: path))?.wasThere)
    }
    #expect(results.all.filter { $0 == false }.count == 1)
    #expect(results.all.filter { $0 == true }.count == 5)
    try expectWeights(path, model)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: output.path + "/deep/er") == ["model"])
  }

  // @unchecked Sendable holds because the lock guards the only thing that changes.
  final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Bool?] = []
    func add(_ value: Bool?) { lock.withLock { values.append(value) } }
    var all: [Bool?] { lock.withLock { values } }
  }

  @Test func somethingElseInThePlaceIsKept() throws {
    let (source, output) = (try Folder(), try Folder())
    try SmallWhisper().writeCTranslate2(source)
    try output.write("mine", Data("mine".utf8))
    var importer = ModelImporter()
    for place in [output.path, output.path + "/mine"] {
      let error = #expect(throws: ImportError.self) {
        try importer.run(source: source.path, output: place)
      }
      #expect(error?.description.contains("something else is there already") == true)
      #expect(error?.description.contains("--replace") == true)
    }
    #expect(FileManager.default.contents(atPath: output.path + "/mine") == Data("mine".utf8))
    importer.replaces = true
    _ = try importer.run(source: source.path, output: output.path + "/mine")
    #expect(FileManager.default.fileExists(atPath: output.path + "/mine/model.json"))
    // Another import, another name: replaced as well, whole.
    importer.name = "other"
    let summary = try importer.run(source: source.path, output: output.path + "/mine")
    #expect(!summary.wasThere)
    #expect(try FileManager.default.contentsOfDirectory(atPath: output.path) == ["mine"])
  }

  @Test func whatAKilledImportLeftGoesAfterAnHour() throws {
    let (source, output) = (try Folder(), try Folder())
    try SmallWhisper().writeCTranslate2(source)
    let (old, young) = (output.path + "/.model.import-old", output.path + "/.model.import-young")
    for path in [old, young] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -4_000)], ofItemAtPath: old)
    _ = try ModelImporter().run(source: source.path, output: output.path + "/model")
    #expect(!FileManager.default.fileExists(atPath: old))
    #expect(FileManager.default.fileExists(atPath: young))
  }

  @Test func aFolderThatCannotBeWritten() throws {
    let source = try Folder()
    try SmallWhisper().writeCTranslate2(source)
    let error = #expect(throws: ImportError.self) {
      try ModelImporter().run(source: source.path, output: "/proc/nowhere/model")
    }
    #expect(error?.description.contains("/proc/nowhere") == true)
    #expect(error?.description.contains("cannot be written") == true)
  }
}
