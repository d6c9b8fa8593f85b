#include <math.h>

#include "kernels.h"

#pragma STDC FP_CONTRACT OFF

// A radix-2 transform of 512 points in double precision: 10 ms of speech need one,
// about 10 microseconds, so there is nothing to gain from a faster one, and the
// double precision makes the features equal to PyTorch's within float rounding.
enum { POINTS = 512, LOG_POINTS = 9 };

static double cosines[POINTS / 2], sines[POINTS / 2];
static uint16_t reversed[POINTS];

__attribute__((constructor)) static void prepare_tables(void) {
  for (int i = 0; i < POINTS / 2; i++) {
    cosines[i] = cos(2 * M_PI * i / POINTS);
    sines[i] = -sin(2 * M_PI * i / POINTS);
  }
  for (unsigned i = 0; i < POINTS; i++) {
    unsigned r = 0;
    for (int b = 0; b < LOG_POINTS; b++) r |= ((i >> b) & 1u) << (LOG_POINTS - 1 - b);
    reversed[i] = (uint16_t)r;
  }
}

void tandem_power_spectrum_512(const double *samples, double *power, double *scratch) {
  double *re = scratch, *im = scratch + POINTS;
  for (int i = 0; i < POINTS; i++) {
    re[i] = samples[reversed[i]];
    im[i] = 0;
  }
  for (int half = 1; half < POINTS; half *= 2) {
    int step = POINTS / (2 * half);
    for (int start = 0; start < POINTS; start += 2 * half)
      for (int j = 0; j < half; j++) {
        double c = cosines[j * step], s = sines[j * step];
        int a = start + j, b = a + half;
        double tr = re[b] * c - im[b] * s, ti = re[b] * s + im[b] * c;
        re[b] = re[a] - tr;
        im[b] = im[a] - ti;
        re[a] += tr;
        im[a] += ti;
      }
  }
  for (int i = 0; i <= POINTS / 2; i++) power[i] = re[i] * re[i] + im[i] * im[i];
}
