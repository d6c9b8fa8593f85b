import Foundation
import Models
import Tensors

/// When each word was said: the alignment heads' attention over the sound, made one matrix, and the path through it (dynamic time
/// warping), as openai-whisper finds word timestamps.
struct WordTimes {
  private let edge: WhisperEdge
  private let configuration: WhisperConfiguration

  init(edge: WhisperEdge, configuration: WhisperConfiguration) {
    self.edge = edge
    self.configuration = configuration
  }

  /// - Parameters:
  ///   - tokens: of the transcript, text alone.
  ///   - memory: the encoder's normalized output.
  ///   - frames: of it.
  ///   - prompt: without earlier text, with `<|notimestamps|>`.
  func words(
    _ tokens: [Int], memory: [Float], frames: Int, addsTail: Bool, prompt: [Int]
  ) -> [DecodedTranscript.Word] {
    let all = prompt + tokens + [edge.tokens.endOfText]
    guard all.count <= configuration.decoder.positions, frames > 0 else { return [] }
    let heads = alignmentHeads
    let state = DecoderState(
      edge.decoder, memory: memory, addsTail: addsTail, width: 1, capacity: all.count)
    // Rows from the last token of the prompt on: what is heard when the first word is expected.
    let first = prompt.count - 1
    let rows = tokens.count + 1
    var sum = [Float](repeating: 0, count: rows * frames)
    _ = state.run(tokens: all, slot: 0) { layer, head, weights in
      guard heads.contains(where: { $0[0] == layer && $0[1] == head }) else { return }
      Self.accumulate(
        weights, rows: all.count, stride: state.memoryFrames, frames: frames, first: first,
        count: rows, into: &sum)
    }
    let path = Self.path(sum.map { -$0 / Float(heads.count) }, rows: rows, columns: frames)
    // The frame at which the path comes to each row.
    var starts = [Int](repeating: 0, count: rows + 1)
    starts[rows] = frames
    var last = -1
    for (row, column) in path where row != last {
      starts[row] = column
      last = row
    }
    let rate = Double(WhisperConfiguration.framesPerSecond)
    return wordRanges(tokens).map { range in
      DecodedTranscript.Word(
        text: edge.tokenizer.decode(tokens[range]).trimmingCharacters(in: .whitespaces),
        start: Double(starts[range.lowerBound]) / rate,
        end: Double(starts[min(range.upperBound, rows)]) / rate)
    }
  }

  private var alignmentHeads: [[Int]] {
    guard configuration.decoder.alignmentHeads.isEmpty else {
      return configuration.decoder.alignmentHeads
    }
    let layers = configuration.decoder.layers
    return (layers / 2..<layers).flatMap { layer in
      (0..<configuration.decoder.heads).map { [layer, $0] }
    }
  }

  /// Tokens that begin with a space begin a word; what is punctuation alone belongs to the word before.
  private func wordRanges(_ tokens: [Int]) -> [Range<Int>] {
    var starts: [Int] = []
    for (index, token) in tokens.enumerated() {
      let piece = edge.tokenizer.bytes([token])
      let isWord = String(decoding: piece, as: UTF8.self).contains { $0.isLetter || $0.isNumber }
      if starts.isEmpty || (piece.first == UInt8(ascii: " ") && isWord) { starts.append(index) }
    }
    return starts.enumerated().map { number, start in
      start..<(number + 1 < starts.count ? starts[number + 1] : tokens.count)
    }
  }

  /// One head's weights, each column less its mean over the tokens and in units of its deviation, smoothed by a median of seven frames.
  private static func accumulate(
    _ weights: UnsafePointer<Float>, rows: Int, stride: Int, frames: Int, first: Int, count: Int,
    into sum: inout [Float]
  ) {
    var normalized = [Float](repeating: 0, count: rows * frames)
    // The tail of silence is none of the sound: what is left is a distribution again.
    for row in 0..<rows {
      var total: Float = 0
      for column in 0..<frames { total += weights[row * stride + column] }
      let scale = total > 0 ? 1 / total : 0
      for column in 0..<frames {
        normalized[row * frames + column] = weights[row * stride + column] * scale
      }
    }
    for column in 0..<frames {
      var mean: Float = 0
      for row in 0..<rows { mean += normalized[row * frames + column] }
      mean /= Float(rows)
      var variance: Float = 0
      for row in 0..<rows {
        let difference = normalized[row * frames + column] - mean
        variance += difference * difference
      }
      let scale = variance > 0 ? 1 / (variance / Float(rows)).squareRoot() : 0
      for row in 0..<rows {
        normalized[row * frames + column] = (normalized[row * frames + column] - mean) * scale
      }
    }
    var window = [Float](repeating: 0, count: 7)
    for row in 0..<count {
      let at = (first + row) * frames
      for column in 0..<frames {
        for offset in -3...3 {
          var place = column + offset
          if place < 0 { place = -place }
          if place >= frames { place = 2 * (frames - 1) - place }
          window[offset + 3] = normalized[at + min(max(place, 0), frames - 1)]
        }
        window.sort()
        sum[row * frames + column] += window[3]
      }
    }
  }

  /// The cheapest way from the first row and column to the last ones, in steps down, right, or both.
  static func path(_ cost: [Float], rows: Int, columns: Int) -> [(row: Int, column: Int)] {
    let width = columns + 1
    var best = [Float](repeating: .infinity, count: (rows + 1) * width)
    var step = [UInt8](repeating: 0, count: (rows + 1) * width)
    best[0] = 0
    for row in 1...rows {
      for column in 1...columns {
        let both = best[(row - 1) * width + column - 1]
        let down = best[(row - 1) * width + column]
        let right = best[row * width + column - 1]
        let (from, kind): (Float, UInt8) =
          both < down && both < right
          ? (both, 0) : (down < both && down < right ? (down, 1) : (right, 2))
        best[row * width + column] = from + cost[(row - 1) * columns + column - 1]
        step[row * width + column] = kind
      }
    }
    var path: [(row: Int, column: Int)] = []
    var (row, column) = (rows, columns)
    while row > 0 || column > 0 {
      path.append((max(0, row - 1), max(0, column - 1)))
      // Along the edges there is one way only.
      let kind = row == 0 ? 2 : column == 0 ? 1 : step[row * width + column]
      if kind != 2 { row -= 1 }
      if kind != 1 { column -= 1 }
    }
    return path.reversed()
  }
}
