import Kernels

// The kernels under the field's names, so that no room above has to import C.

/// In place: x · sigmoid(x).
public func applySiLU(_ x: UnsafeMutablePointer<Float>, count: Int) { tandem_silu(x, count) }

/// In place: the exact GELU, x · (1 + erf(x / √2)) / 2 (1606.08415).
public func applyGELU(_ x: UnsafeMutablePointer<Float>, count: Int) { tandem_gelu(x, count) }

/// `out` `[rows, columns]` = first half · sigmoid(second half) of `x` `[rows, 2 columns]`.
public func gatedLinearUnit(
  _ x: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>, rows: Int, columns: Int
) {
  tandem_gated_linear_unit(x, out, rows, columns)
}

/// In place, each row: softmax(scale · x).
public func applySoftmax(
  _ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int, scale: Float = 1
) {
  tandem_softmax(x, rows, columns, scale)
}

/// In place, each row: log softmax(x).
public func applyLogSoftmax(_ x: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
  tandem_log_softmax(x, rows, columns)
}

/// out += scale · x.
public func addScaled(
  _ out: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, scale: Float, count: Int
) {
  tandem_add_scaled(out, x, scale, count)
}

/// Depthwise convolution over time: `x` has `rows + kernel - 1` rows, `weight` is `[kernel, columns]`.
public func depthwiseConvolution(
  _ x: UnsafePointer<Float>, weight: Tensor, bias: Tensor, into out: UnsafeMutablePointer<Float>,
  rows: Int
) {
  tandem_depthwise(
    x, weight.pointer, bias.pointer, out, rows, weight.shape[1], weight.shape[0])
}

/// Every one of `rows` rows of `x` becomes `bias`.
public func fillRows(_ x: UnsafeMutablePointer<Float>, _ bias: Tensor, rows: Int) {
  tandem_fill_rows(x, bias.pointer, rows, bias.count)
}
