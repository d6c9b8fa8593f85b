/// Percentile bootstrap over blocks of utterances (one device's in one stretch of time), since neighbours
/// on one link are alike. Paired: both sides of a difference draw the same blocks.
enum PairedBootstrap {
  /// A block's sum of costs and its utterances.
  struct Block: Sendable, Hashable {
    var cost = 0.0
    var utterances = 0
  }

  /// The 95 % interval of the mean cost an utterance; nil without utterances.
  static func interval(_ blocks: [Block], seed: UInt64, samples: Int = 1_000) -> [Double]? {
    difference(
      blocks, blocks.map { Block(cost: 0, utterances: $0.utterances) }, seed: seed, samples: samples
    )
  }

  /// The 95 % interval of the difference in mean cost an utterance, first minus second.
  static func difference(
    _ first: [Block], _ second: [Block], seed: UInt64, samples: Int = 1_000
  ) -> [Double]? {
    let used = first.indices.filter { first[$0].utterances > 0 && second[$0].utterances > 0 }
    guard !used.isEmpty else { return nil }
    var generator = SeededGenerator(seed: seed)
    var means: [Double] = []
    means.reserveCapacity(samples)
    for _ in 0..<samples {
      var costs = (0.0, 0.0)
      var counts = (0, 0)
      for _ in used {
        let index = used[generator.index(below: used.count)]
        costs.0 += first[index].cost
        costs.1 += second[index].cost
        counts.0 += first[index].utterances
        counts.1 += second[index].utterances
      }
      means.append(costs.0 / Double(counts.0) - costs.1 / Double(counts.1))
    }
    means.sort()
    return [means[samples * 25 / 1_000], means[min(samples - 1, samples * 975 / 1_000)]]
  }
}
