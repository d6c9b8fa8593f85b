import Conformer
import Evaluation
import Models
import Testing

@Suite("What a model's first pass costs")
struct ModelCostTests {
  @Test("State is what the blocks must remember, and does not grow with the audio")
  func state() throws {
    let folder = goldenModel("characters")
    let costs = try ModelCost.measure(models: [folder, folder], seconds: 2, rounds: 2)
    let configuration = try Model.load(directory: folder, parts: .device).configuration
    let encoder = configuration.encoder
    let d = encoder.dimension
    let context = (encoder.leftChunks + 1) * encoder.chunkFrames
    var floats = 3 * configuration.features.melBins
    floats += 3 * configuration.subsampling.channels * (configuration.features.melBins / 2)
    for block in encoder.blocks {
      floats += (block.kernel - 1) * d
      switch block.type {
      case .convolution: break
      case .attention: floats += 2 * context * d
      case .performer: floats += d * (d / (block.heads ?? 1)) + d
      }
    }
    for exit in encoder.exits where exit.head == .attention { floats += 2 * context * d }
    #expect(costs.map(\.stateBytes) == [4 * floats, 4 * floats])
    #expect(costs[0].operationsPerFrame == costs[1].operationsPerFrame)
    #expect(costs[0].deviceParameters > 1_000 && costs[0].operationsPerFrame > 1_000)
    #expect(costs.allSatisfy { 0 < $0.chunkMilliseconds })
    #expect(costs.allSatisfy { $0.chunkMilliseconds <= $0.slowChunkMilliseconds })
  }

  @Test func aModelThatIsNotThereIsNamed() {
    #expect(throws: ModelError.self) { try ModelCost.measure(models: ["/nowhere"]) }
  }
}
