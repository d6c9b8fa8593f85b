import COpenBLAS
import Kernels

/// Fully connected layer: y = x Wᵀ + b, W `[out, in]` as in PyTorch.
public struct Linear: Sendable {
  public let weight: Tensor
  public let bias: Tensor
  public var inputs: Int { weight.shape[1] }
  public var outputs: Int { weight.shape[0] }

  public init(weight: Tensor, bias: Tensor) {
    precondition(weight.shape.count == 2 && bias.shape == [weight.shape[0]])
    self.weight = weight
    self.bias = bias
  }

  /// `out` `[rows, outputs]` = `x` `[rows, inputs]` Wᵀ + b.
  public func apply(
    _ x: UnsafePointer<Float>, rows: Int, into out: UnsafeMutablePointer<Float>
  ) {
    tandem_fill_rows(out, bias.pointer, rows, outputs)
    matrixProductTransposed(
      x, weight.pointer, into: out, rows: rows, columns: outputs, inner: inputs, accumulate: true)
  }
}

/// Layer normalisation over the last dimension, epsilon 1e-5.
public struct LayerNorm: Sendable {
  public let weight: Tensor
  public let bias: Tensor

  public init(weight: Tensor, bias: Tensor) {
    self.weight = weight
    self.bias = bias
  }

  /// `out` may be `x`.
  public func apply(_ x: UnsafePointer<Float>, rows: Int, into out: UnsafeMutablePointer<Float>) {
    tandem_layer_norm(x, out, weight.pointer, bias.pointer, rows, weight.count)
  }
}

/// C `[rows, columns]` (+)= A `[rows, inner]` Bᵀ, B `[columns, inner]`.
///
/// The strides are the distances between rows, in elements; 0 means packed.
public func matrixProductTransposed(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
  rows: Int, columns: Int, inner: Int, strideA: Int = 0, strideB: Int = 0, strideC: Int = 0,
  accumulate: Bool = false
) {
  cblas_sgemm(
    CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(columns), blasint(inner), 1, a,
    blasint(strideA == 0 ? inner : strideA), b, blasint(strideB == 0 ? inner : strideB),
    accumulate ? 1 : 0, c, blasint(strideC == 0 ? columns : strideC))
}

extension Linear {
  /// The same for few rows, one product of matrix and vector each: a matrix product would first copy all of W into another order,
  /// which for a single row costs more than the product itself.
  public func applyToFew(
    _ x: UnsafePointer<Float>, rows: Int, into out: UnsafeMutablePointer<Float>
  ) {
    guard rows <= 2 else { return apply(x, rows: rows, into: out) }
    tandem_fill_rows(out, bias.pointer, rows, outputs)
    for row in 0..<rows {
      matrixVectorProduct(
        weight.pointer, x + row * inputs, into: out + row * outputs, rows: outputs, columns: inputs,
        accumulate: true)
    }
  }
}

/// y `[rows]` (+)= A `[rows, columns]` x `[columns]`.
public func matrixVectorProduct(
  _ a: UnsafePointer<Float>, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>,
  rows: Int, columns: Int, accumulate: Bool = false
) {
  cblas_sgemv(
    CblasRowMajor, CblasNoTrans, blasint(rows), blasint(columns), 1, a, blasint(columns), x, 1,
    accumulate ? 1 : 0, y, 1)
}

/// C `[rows, columns]` = A `[rows, inner]` B, B `[inner, columns]`, in double precision.
public func matrixProduct(
  _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, into c: UnsafeMutablePointer<Double>,
  rows: Int, columns: Int, inner: Int
) {
  cblas_dgemm(
    CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(columns), blasint(inner), 1,
    a, blasint(inner), b, blasint(columns), 0, c, blasint(columns))
}

/// C `[rows, columns]` = A `[rows, inner]` B, B `[inner, columns]`. Strides as above.
public func matrixProduct(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
  rows: Int, columns: Int, inner: Int, strideA: Int = 0, strideB: Int = 0, strideC: Int = 0
) {
  cblas_sgemm(
    CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(columns), blasint(inner), 1,
    a, blasint(strideA == 0 ? inner : strideA), b, blasint(strideB == 0 ? columns : strideB), 0, c,
    blasint(strideC == 0 ? columns : strideC))
}

/// OpenBLAS spins up a thread a core by itself; Tandem gives each utterance one
/// thread of its own instead. Call once, before the first product.
public func useOneThreadPerMatrixProduct() { openblas_set_num_threads(1) }
