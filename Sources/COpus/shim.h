#include <opus/opus.h>

// Swift cannot call functions with variable arguments, and libopus is set up through one.

static inline int copus_set_bitrate(OpusEncoder *encoder, opus_int32 bits) {
  return opus_encoder_ctl(encoder, OPUS_SET_BITRATE(bits));
}

static inline int copus_set_voice(OpusEncoder *encoder) {
  return opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
}

static inline int copus_lookahead(OpusEncoder *encoder, opus_int32 *samples) {
  return opus_encoder_ctl(encoder, OPUS_GET_LOOKAHEAD(samples));
}
