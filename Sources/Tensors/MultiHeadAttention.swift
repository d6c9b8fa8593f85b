/// softmax(Q Kᵀ / √h) V, head by head; h is the width of a head.
///
/// - Parameters:
///   - queries: `[rows, dimension]`, the heads side by side.
///   - keys, values: `[seen, dimension]`.
///   - out: `[rows, dimension]`; may not be one of the others.
///   - scores: room for `rows` · `seen` values.
///   - isCausal: row i sees only the first `seen - rows + i + 1`.
///   - observe: is shown each head's weights `[rows, seen]`.
public func multiHeadAttention(
  _ queries: UnsafePointer<Float>, rows: Int, keys: UnsafePointer<Float>,
  values: UnsafePointer<Float>, seen: Int, into out: UnsafeMutablePointer<Float>, dimension: Int,
  heads: Int, scores: UnsafeMutablePointer<Float>, isCausal: Bool = false,
  observe: ((_ head: Int, _ weights: UnsafePointer<Float>) -> Void)? = nil
) {
  let headDimension = dimension / heads
  let scale = 1 / Float(headDimension).squareRoot()
  for head in 0..<heads {
    let offset = head * headDimension
    matrixProductTransposed(
      queries + offset, keys + offset, into: scores, rows: rows, columns: seen,
      inner: headDimension, strideA: dimension, strideB: dimension)
    if isCausal {
      for row in 0..<rows {
        let visible = seen - rows + row + 1
        (scores + row * seen + visible).update(
          repeating: -Float.greatestFiniteMagnitude / 2, count: seen - visible)
      }
    }
    applySoftmax(scores, rows: rows, columns: seen, scale: scale)
    observe?(head, scores)
    matrixProduct(
      scores, values + offset, into: out + offset, rows: rows, columns: headDimension,
      inner: seen, strideB: dimension, strideC: dimension)
  }
}
