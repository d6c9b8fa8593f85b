#include "kernels.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__linux__)
#define TANDEM_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define TANDEM_CLONES
#endif

// Sums are kept in this many lanes and added up in a fixed order, so that the
// width of the machine's vectors does not change the result.
enum { LANES = 16 };

static inline float reduce_lanes(const float *lanes) {
  float eight[8], four[4];
  for (int i = 0; i < 8; i++) eight[i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; i++) four[i] = eight[i] + eight[i + 4];
  return (four[0] + four[2]) + (four[1] + four[3]);
}

// exp(x) to about two units in the last place (Cephes' polynomial, expf.c), in
// operations that vectorise. Clamped so that the exponent cannot wrap.
static inline float exponential(float x) {
  x = x > 88.0f ? 88.0f : x;
  x = x < -87.0f ? -87.0f : x;
  float n = __builtin_floorf(x * 1.44269504088896341f + 0.5f);
  x = x - n * 0.693359375f;
  x = x - n * -2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * x + 1.3981999507e-3f;
  y = y * x + 8.3334519073e-3f;
  y = y * x + 4.1665795894e-2f;
  y = y * x + 1.6666665459e-1f;
  y = y * x + 5.0000001201e-1f;
  y = y * x * x + x + 1.0f;
  int32_t bits = ((int32_t)n + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return y * power;
}

TANDEM_CLONES
void tandem_silu(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = x[i] / (1.0f + exponential(-x[i]));
}

void tandem_silu_oracle(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = (float)(x[i] / (1.0 + exp(-(double)x[i])));
}

// erfc(z) = polynomial(t) exp(-z²), t = 1 / (1 + 0.3275911 z), z >= 0 (Abramowitz and Stegun, 7.1.26): off by at most 1.5e-7.
TANDEM_CLONES
void tandem_gelu(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float z = fabsf(x[i]) * 0.70710678118654752f;
    float t = 1.0f / (1.0f + 0.3275911f * z);
    float y = 1.061405429f;
    y = y * t - 1.453152027f;
    y = y * t + 1.421413741f;
    y = y * t - 0.284496736f;
    y = y * t + 0.254829592f;
    float half = 0.5f * x[i] * (y * t * exponential(-z * z));
    x[i] = x[i] > 0.0f ? x[i] - half : half;
  }
}

void tandem_gelu_oracle(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double v = x[i];
    x[i] = (float)(0.5 * v * erfc(-v * M_SQRT1_2));
  }
}

TANDEM_CLONES
void tandem_gated_linear_unit(const float *in, float *out, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    const float *value = in + 2 * columns * r;
    const float *gate = value + columns;
    float *o = out + columns * r;
    for (size_t c = 0; c < columns; c++) o[c] = value[c] / (1.0f + exponential(-gate[c]));
  }
}

void tandem_gated_linear_unit_oracle(const float *in, float *out, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) {
      double value = in[2 * columns * r + c], gate = in[2 * columns * r + columns + c];
      out[columns * r + c] = (float)(value / (1.0 + exp(-gate)));
    }
}

TANDEM_CLONES
void tandem_layer_norm(const float *in, float *out, const float *weight, const float *bias,
                       size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    const float *x = in + r * columns;
    float *o = out + r * columns;
    float lanes[LANES] = {0};
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES)
      for (int l = 0; l < LANES; l++) lanes[l] += x[c + l];
    for (int l = 0; c < columns; c++, l++) lanes[l] += x[c];
    float mean = reduce_lanes(lanes) / (float)columns;
    memset(lanes, 0, sizeof lanes);
    for (c = 0; c + LANES <= columns; c += LANES)
      for (int l = 0; l < LANES; l++) {
        float d = x[c + l] - mean;
        lanes[l] += d * d;
      }
    for (int l = 0; c < columns; c++, l++) {
      float d = x[c] - mean;
      lanes[l] += d * d;
    }
    float scale = 1.0f / sqrtf(reduce_lanes(lanes) / (float)columns + 1e-5f);
    for (c = 0; c < columns; c++) o[c] = (x[c] - mean) * scale * weight[c] + bias[c];
  }
}

void tandem_layer_norm_oracle(const float *in, float *out, const float *weight, const float *bias,
                              size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    const float *x = in + r * columns;
    double mean = 0, variance = 0;
    for (size_t c = 0; c < columns; c++) mean += x[c];
    mean /= (double)columns;
    for (size_t c = 0; c < columns; c++) variance += (x[c] - mean) * (x[c] - mean);
    variance /= (double)columns;
    double scale = 1.0 / sqrt(variance + 1e-5);
    for (size_t c = 0; c < columns; c++)
      out[r * columns + c] = (float)((x[c] - mean) * scale * weight[c] + bias[c]);
  }
}

TANDEM_CLONES
void tandem_softmax(float *x, size_t rows, size_t columns, float scale) {
  for (size_t r = 0; r < rows; r++) {
    float *row = x + r * columns;
    float largest = row[0];
    for (size_t c = 1; c < columns; c++) largest = row[c] > largest ? row[c] : largest;
    float lanes[LANES] = {0};
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES)
      for (int l = 0; l < LANES; l++) {
        float e = exponential((row[c + l] - largest) * scale);
        row[c + l] = e;
        lanes[l] += e;
      }
    for (int l = 0; c < columns; c++, l++) {
      float e = exponential((row[c] - largest) * scale);
      row[c] = e;
      lanes[l] += e;
    }
    float inverse = 1.0f / reduce_lanes(lanes);
    for (c = 0; c < columns; c++) row[c] *= inverse;
  }
}

void tandem_softmax_oracle(float *x, size_t rows, size_t columns, float scale) {
  for (size_t r = 0; r < rows; r++) {
    float *row = x + r * columns;
    double largest = row[0], sum = 0;
    for (size_t c = 0; c < columns; c++) largest = row[c] > largest ? row[c] : largest;
    for (size_t c = 0; c < columns; c++) sum += exp((row[c] - largest) * scale);
    for (size_t c = 0; c < columns; c++)
      row[c] = (float)(exp((row[c] - largest) * scale) / sum);
  }
}

void tandem_log_softmax(float *x, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    float *row = x + r * columns;
    double largest = row[0], sum = 0;
    for (size_t c = 1; c < columns; c++) largest = row[c] > largest ? row[c] : largest;
    for (size_t c = 0; c < columns; c++) sum += exp(row[c] - largest);
    double total = largest + log(sum);
    for (size_t c = 0; c < columns; c++) row[c] = (float)(row[c] - total);
  }
}

TANDEM_CLONES
void tandem_depthwise(const float *in, const float *weight, const float *bias, float *out,
                      size_t rows, size_t columns, size_t kernel) {
  for (size_t t = 0; t < rows; t++) {
    float *o = out + t * columns;
    for (size_t c = 0; c < columns; c++) o[c] = bias[c];
    for (size_t k = 0; k < kernel; k++) {
      const float *x = in + (t + k) * columns;
      const float *w = weight + k * columns;
      for (size_t c = 0; c < columns; c++) o[c] += w[c] * x[c];
    }
  }
}

void tandem_depthwise_oracle(const float *in, const float *weight, const float *bias, float *out,
                             size_t rows, size_t columns, size_t kernel) {
  for (size_t t = 0; t < rows; t++)
    for (size_t c = 0; c < columns; c++) {
      double sum = bias[c];
      for (size_t k = 0; k < kernel; k++)
        sum += (double)weight[k * columns + c] * in[(t + k) * columns + c];
      out[t * columns + c] = (float)sum;
    }
}

TANDEM_CLONES
void tandem_add_scaled(float *out, const float *in, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] += scale * in[i];
}

void tandem_fill_rows(float *x, const float *bias, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) memcpy(x + r * columns, bias, columns * sizeof(float));
}

void tandem_widen_f16(const uint16_t *in, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t sign = (uint32_t)(in[i] & 0x8000) << 16;
    uint32_t exponent = (in[i] >> 10) & 0x1f, fraction = in[i] & 0x3ff, bits;
    if (exponent == 31) {
      bits = sign | 0x7f800000u | (fraction << 13);
    } else if (exponent != 0) {
      bits = sign | ((exponent + 112) << 23) | (fraction << 13);
    } else if (fraction == 0) {
      bits = sign;
    } else {  // A subnormal half is a normal float: shift until the leading one shows.
      exponent = 113;
      while (!(fraction & 0x400)) {
        fraction <<= 1;
        exponent--;
      }
      bits = sign | (exponent << 23) | ((fraction & 0x3ff) << 13);
    }
    memcpy(out + i, &bits, sizeof bits);
  }
}

void tandem_widen_bf16(const uint16_t *in, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)in[i] << 16;
    memcpy(out + i, &bits, sizeof bits);
  }
}

void tandem_narrow_f16(const float *in, uint16_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, in + i, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    uint32_t size = bits & 0x7fffffff, half;
    if (size > 0x7f800000) {
      half = 0x7e00;
    } else if (size >= 0x477ff000) {  // 65520: half way beyond the largest half, 65504.
      half = 0x7c00;
    } else if (size >= 0x38800000) {  // 2^-14, the smallest normal half.
      half = size - (112u << 23);
      half = (half + 0xfff + (half >> 13 & 1)) >> 13;
    } else if (size < 0x33000000) {  // Below 2^-25, half of the smallest subnormal.
      half = 0;
    } else {
      uint32_t shift = 126 - (size >> 23), fraction = (size & 0x7fffff) | 0x800000;
      half = fraction >> shift;
      uint32_t rest = fraction & ((1u << shift) - 1), tie = 1u << (shift - 1);
      half += rest > tie || (rest == tie && (half & 1));
    }
    out[i] = (uint16_t)(sign | half);
  }
}

bool tandem_all_finite(const float *x, size_t count) {
  uint32_t bad = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    bad |= (bits & 0x7f800000u) == 0x7f800000u;
  }
  return bad == 0;
}
