#include <FLAC/stream_decoder.h>

/* A subframe's samples come as an array of pointers, which Swift sees as nested optionals. */
static inline FLAC__int32 tandem_flac_sample(
    const FLAC__int32 *const buffer[], unsigned channel, unsigned index) {
  return buffer[channel][index];
}

/* How many samples come before this frame, in either numbering. */
static inline FLAC__uint64 tandem_flac_first_sample(const FLAC__Frame *frame) {
  return frame->header.number_type == FLAC__FRAME_NUMBER_TYPE_SAMPLE_NUMBER
      ? frame->header.number.sample_number
      : (FLAC__uint64)frame->header.number.frame_number * frame->header.blocksize;
}

static inline FLAC__uint64 tandem_flac_total_samples(const FLAC__StreamMetadata *metadata) {
  return metadata->type == FLAC__METADATA_TYPE_STREAMINFO
      ? metadata->data.stream_info.total_samples : 0;
}

static inline int tandem_flac_is_stream_info(const FLAC__StreamMetadata *metadata) {
  return metadata->type == FLAC__METADATA_TYPE_STREAMINFO;
}

static inline unsigned tandem_flac_rate(const FLAC__StreamMetadata *metadata) {
  return metadata->data.stream_info.sample_rate;
}

static inline unsigned tandem_flac_channels(const FLAC__StreamMetadata *metadata) {
  return metadata->data.stream_info.channels;
}
