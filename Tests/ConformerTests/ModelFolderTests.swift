import Foundation
import Models
import Testing

@testable import Conformer

@Suite("Bad model folders are named")
struct ModelFolderTests {
  /// A copy of a golden model that a test may damage.
  func copy() throws -> String {
    let folder = NSTemporaryDirectory() + "model-" + UUID().uuidString
    try FileManager.default.copyItem(atPath: Golden.folder + "/characters", toPath: folder)
    return folder
  }

  func edit(_ folder: String, _ change: (inout [String: Any]) -> Void) throws {
    let url = URL(fileURLWithPath: folder + "/model.json")
    var json = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as! [String: Any]
    change(&json)
    try JSONSerialization.data(withJSONObject: json).write(to: url)
  }

  func message(_ folder: String, parts: Model.Parts = .edge) -> String {
    do {
      _ = try Model.load(directory: folder, parts: parts)
      return "loaded"
    } catch {
      return error.description
    }
  }

  @Test func missingFolderAndFiles() throws {
    #expect(message("/nowhere").contains("/nowhere/model.json is missing"))
    let folder = try copy()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.removeItem(atPath: folder + "/device.safetensors")
    #expect(message(folder).contains("device.safetensors is missing"))
  }

  @Test func truncatedWeights() throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let url = URL(fileURLWithPath: folder + "/device.safetensors")
    let bytes = try Data(contentsOf: url)
    try bytes.prefix(bytes.count - 100).write(to: url)
    let text = message(folder)
    #expect(text.contains("device.safetensors") && text.contains("truncated"))
  }

  @Test func changedWeights() throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let url = URL(fileURLWithPath: folder + "/device.safetensors")
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: url)
    #expect(message(folder).contains("SHA-256"))
  }

  @Test func badNumbers() throws {
    let cases: [(inout [String: Any]) -> Void] = [
      { $0["version"] = 99 }, { $0["format"] = "other" }, { $0["encoder"] = [:] },
      { json in
        var encoder = json["encoder"] as! [String: Any]
        encoder["chunkFrames"] = 0
        json["encoder"] = encoder
      },
      { json in
        var encoder = json["encoder"] as! [String: Any]
        encoder["dimension"] = 1_000_000_000
        json["encoder"] = encoder
      },
      { json in
        var encoder = json["encoder"] as! [String: Any]
        encoder["exits"] = [["afterBlock": 99, "head": "linear"]]
        json["encoder"] = encoder
      },
      { json in
        var weights = json["weights"] as! [String: Any]
        weights["device"] = ["file": "../../etc/passwd", "sha256": "00"]
        json["weights"] = weights
      },
    ]
    for change in cases {
      let folder = try copy()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try edit(folder, change)
      let text = message(folder)
      #expect(text.contains("model.json"), "\(text)")
    }
  }

  @Test("A shape that model.json does not imply is named with its tensor")
  func misshapen() throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try edit(folder) { json in
      var encoder = json["encoder"] as! [String: Any]
      var blocks = encoder["blocks"] as! [[String: Any]]
      blocks[0]["feedForward"] = 33
      encoder["blocks"] = blocks
      json["encoder"] = encoder
    }
    #expect(message(folder).contains("encoder.blocks.0.feedForward1.expand.weight"))
  }

  @Test func notJSON() throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data("{".utf8).write(to: URL(fileURLWithPath: folder + "/model.json"))
    #expect(message(folder).contains("not valid JSON"))
  }

  @Test("A device needs no second pass, and has the edge's fingerprint")
  func deviceOnly() throws {
    let folder = try copy()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let whole = try Model.load(directory: folder, parts: .edge)
    try FileManager.default.removeItem(atPath: folder + "/edge.safetensors")
    let device = try Model.load(directory: folder, parts: .device)
    #expect(device.fingerprint == whole.fingerprint)
    #expect(device.transducer == nil)
    #expect(throws: ModelError.self) { try device.secondPass([]) }
    #expect(message(folder).contains("edge.safetensors is missing"))
  }
}
