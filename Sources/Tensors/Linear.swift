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
