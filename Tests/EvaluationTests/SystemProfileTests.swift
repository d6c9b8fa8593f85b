import Audio
import Conformer
import FeatureCodec
import Foundation
import Simulation
import Testing

@testable import Evaluation

@Suite("The simulator's ground truth from the real system")
struct SystemProfileTests {
  @Test("Every exit, split layer and codec is there, and the file is read back as it was")
  func whole() throws {
    let model = goldenModel("characters")
    let recordings = try [0.7, 1.3].map(writeNoise)
    let path = NSTemporaryDirectory() + UUID().uuidString + ".tsv"
    try Data("path\ttext\n\(recordings[0])\tONE TWO\n\(recordings[1])\tTHREE\n".utf8)
      .write(to: URL(fileURLWithPath: path))
    defer { for file in recordings + [path] { try? FileManager.default.removeItem(atPath: file) } }
    let paths = try Paths(modelDirectory: model, beamWidth: 2, codec: .at(0))
    let profile = try SystemProfile(
      manifest: Manifest(path: path), name: "noise", paths: paths, threads: 2
    ).profile
    #expect(profile.header.shape.exits.count == paths.model.exitCount)
    #expect(profile.header.source.contains(paths.model.fingerprint))
    for (number, utterance) in profile.utterances.enumerated() {
      #expect(utterance.referenceWords == 2 - number)
      #expect(utterance.exits.count == paths.model.exitCount)
      #expect(utterance.edge.count == (paths.model.blockCount + 1) * FeatureCodec.table.count)
      // Lossless features give the same transcript, so the same errors, wherever the split lies.
      let lossless = Set(utterance.edge.filter { $0.codec == 0 }.map(\.wordErrors))
      #expect(lossless.count == 1)
      #expect(utterance.edge.allSatisfy { $0.bytes > 0 })
      // Made once for the lossless codec; here it is checked against the split itself.
      let samples = try AudioReader.readAll(path: recordings[number])
      let encoder = paths.encode(samples)
      for result in utterance.edge {
        let text = try paths.edge(
          encoder, splitLayer: result.splitLayer, codec: .at(result.codec)
        ).text
        #expect(result.transcript == text)
      }
      for (exit, result) in utterance.exits.enumerated() {
        #expect(result.transcript == paths.exit(exit + 1, of: encoder).hypothesis.text)
      }
      for (channel, result) in zip(OpusChannel.baselines, utterance.baselines) {
        let received = try channel.send(samples)
        #expect(result.name == channel.name && result.bytes == received.bytes)
        let text = try paths.unsplit(paths.encode(received.samples)).text
        #expect(result.transcript == text)
      }
    }
    // What exits said on the way is what an encoder says that has heard no more.
    for (number, utterance) in profile.utterances.enumerated() {
      let samples = try AudioReader.readAll(path: recordings[number])
      let prefixes = try #require(utterance.prefixes)
      #expect(prefixes.count == [2, 4][number])
      for prefix in prefixes {
        let encoder = paths.model.makeEncoder(firstLayer: 0, depth: paths.model.blockCount)
        encoder.append(samples: samples[..<Int(prefix.seconds * 16_000)])
        for exit in prefix.exits {
          let result = paths.exit(exit.exit, of: encoder)
          #expect(result.frames == exit.frameCount)
          #expect(abs(result.sentencePosterior - exit.sentencePosterior) < 1e-9)
        }
      }
      #expect(prefixes.last?.exits.count == paths.model.exitCount)
    }
    let again = try Profile(jsonLines: profile.jsonLines(), path: "memory")
    #expect(again == profile)
    // A simulation needs no transcripts, and has none in memory.
    let lean = try Profile(
      jsonLines: profile.jsonLines(), path: "memory", keepsTranscripts: false)
    #expect(lean.utterances.allSatisfy { $0.edge.allSatisfy { $0.transcript == nil } })
    #expect(lean.utterances.map(\.edge.count) == profile.utterances.map(\.edge.count))
  }
}
