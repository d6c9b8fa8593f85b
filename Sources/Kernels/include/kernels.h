#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The engine's hot loops. Every function has a plain-loop oracle
// (`..._oracle`, double precision inside) beside it, which the tests compare
// with. All matrices are row-major, all counts are elements.
//
// The fast forms are written so that the compiler vectorises them for each
// instruction set named in TANDEM_CLONES and picks one at run time. They add in
// the same order and never contract into fused multiply-adds, so that every
// instruction set gives the same bits: a transcript cannot depend on the machine
// through these loops.

/// In place: x = x * sigmoid(x).
void tandem_silu(float *x, size_t count);
void tandem_silu_oracle(float *x, size_t count);

/// In place: the exact GELU, x = x * (1 + erf(x / sqrt(2))) / 2, to 2e-7 of max(1, |x|).
void tandem_gelu(float *x, size_t count);
void tandem_gelu_oracle(float *x, size_t count);

/// out[row][c] = in[row][c] * sigmoid(in[row][columns + c]); `in` has 2 * columns a row.
void tandem_gated_linear_unit(const float *in, float *out, size_t rows, size_t columns);
void tandem_gated_linear_unit_oracle(const float *in, float *out, size_t rows, size_t columns);

/// out = (in - mean) / sqrt(variance + 1e-5) * weight + bias, each row by itself. `out` may be `in`.
void tandem_layer_norm(const float *in, float *out, const float *weight, const float *bias,
                       size_t rows, size_t columns);
void tandem_layer_norm_oracle(const float *in, float *out, const float *weight, const float *bias,
                              size_t rows, size_t columns);

/// Each row in place: softmax(scale * x).
void tandem_softmax(float *x, size_t rows, size_t columns, float scale);
void tandem_softmax_oracle(float *x, size_t rows, size_t columns, float scale);

/// Each row in place: log softmax(x).
void tandem_log_softmax(float *x, size_t rows, size_t columns);

/// out[t][c] = bias[c] + sum over k of weight[k][c] * in[t + k][c].
/// `in` has rows + kernel - 1 rows; `weight` is [kernel][columns].
void tandem_depthwise(const float *in, const float *weight, const float *bias, float *out,
                      size_t rows, size_t columns, size_t kernel);
void tandem_depthwise_oracle(const float *in, const float *weight, const float *bias, float *out,
                             size_t rows, size_t columns, size_t kernel);

/// out += scale * in.
void tandem_add_scaled(float *out, const float *in, float scale, size_t count);

/// Every row: x[row] = bias.
void tandem_fill_rows(float *x, const float *bias, size_t rows, size_t columns);

/// Half precision (IEEE 754 binary16) and bfloat16 to float32.
void tandem_widen_f16(const uint16_t *in, float *out, size_t count);
void tandem_widen_bf16(const uint16_t *in, float *out, size_t count);

/// float32 to half precision: to the nearest, ties to even; infinite from 65520 on; NaN stays NaN.
void tandem_narrow_f16(const float *in, uint16_t *out, size_t count);

/// True when every value is finite.
bool tandem_all_finite(const float *x, size_t count);

/// Power spectrum |X|² of 512 real samples into 257 bins, in double precision.
/// `scratch` holds 1024 doubles.
void tandem_power_spectrum_512(const double *samples, double *power, double *scratch);
