/// A matrix of an adaptation: numbers, or integers of eight or four bits with a scale for each row.
struct AdaptationMatrix: Sendable {
  let tensor: SourceTensor
  let columns: Int
  /// Of four-bit values: two a byte, the low nibble first, each less 8. Empty for the others, whose tensor scales by itself.
  var packedScales: [Float] = []

  var rows: Int { tensor.rows }

  func read(_ rows: Range<Int>, into out: UnsafeMutableBufferPointer<Float>) {
    guard !packedScales.isEmpty else { return tensor.read(rows, into: out) }
    for row in rows {
      let start = tensor.offset + row * tensor.columns
      let line = (row - rows.lowerBound) * columns
      for column in 0..<columns {
        let byte = Int(tensor.file.bytes[start + column / 2])
        let nibble = column % 2 == 0 ? byte & 15 : byte >> 4
        out[line + column] = Float(nibble - 8) * packedScales[row]
      }
    }
  }

  func values() -> [Float] {
    [Float](unsafeUninitializedCapacity: rows * columns) { buffer, initialized in
      read(0..<rows, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<rows * columns]))
      initialized = rows * columns
    }
  }
}
