import Conformer
import Decoding
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("An utterance over the wire", .timeLimit(.minutes(5)))
struct SplitTests {
  /// The golden model has three blocks.
  @Test("The edge's answer is the in-process recogniser's, for every split layer", arguments: 0...3)
  func equal(layer: Int) async throws {
    let recognizer = try EdgeRecognizer(
      model: TestEdge.model("characters", .edge), beamWidth: try TestEdge.configuration().beamWidth)
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      for seed in 1...3 {
        let request = try TestUtterance.request(splitLayer: layer, seed: UInt64(seed))
        let answer = try await link.recognize(request)
        let expected = try recognizer.recognize(features: request.features, splitLayer: layer)
        #expect(answer.text == expected.text)
        #expect(!answer.text.isEmpty, "an empty transcript would prove nothing")
        #expect(answer.decoder == recognizer.decoderName)
      }
      await link.close()
    }
  }

  @Test("The device answers with the edge's transcript, and says what it cost", arguments: [0, 1])
  func device(codec: Int) async throws {
    try await TestEdge.run { server in
      let device = try TestEdge.device(try TestEdge.link(port: server.port)) { $0.codec = codec }
      // The connection may not be there for the first one yet.
      let samples = Sound.bursts(seconds: 2)
      let recognition = try await device.recognize(samples)
      #expect(recognition.origin == .edge)
      #expect(recognition.failure == nil)
      let frames = 55
      let payload = frames * (codec == 0 ? 48 : 16)
      #expect(recognition.bytesSent > payload)
      #expect(recognition.bytesReceived > 0)
      #expect(recognition.actualCost.total > 0)
      #expect(recognition.confidence > 0 && recognition.confidence <= 1)
      await device.close()
    }
  }

  @Test func manyAtATimeOnOneLink() async throws {
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      try await withThrowingTaskGroup(of: (UInt64, String).self) { group in
        for index in 0..<20 {
          let seed = UInt64(index % 4 + 1)
          group.addTask {
            (seed, try await link.recognize(TestUtterance.request(seed: seed)).text)
          }
        }
        var texts: [UInt64: Set<String>] = [:]
        for try await (seed, text) in group { texts[seed, default: []].insert(text) }
        #expect(texts.count == 4)
        for (seed, found) in texts { #expect(found.count == 1, "seed \(seed): \(found)") }
      }
      await link.close()
    }
  }

  @Test func describesWhatItServes() async throws {
    try await TestEdge.run { server in
      let link = try TestEdge.link(port: server.port)
      let description = try await link.describe()
      #expect(description.modelName == "golden-characters")
      #expect(description.splitLayers.map(\.layer) == [0, 1, 2, 3])
      #expect(description.splitLayers.allSatisfy { $0.dimension == 12 })
      #expect(description.codecs.map(\.name) == ["float32", "int8"])
      #expect(description.limits.secondsPerUtterance == 60)
      await link.close()
    }
  }
}
