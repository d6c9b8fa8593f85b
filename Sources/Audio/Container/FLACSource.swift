import CFLAC

/// FLAC through libFLAC, which goes on behind a damaged frame: what is missing becomes silence, so that the rest keeps its
/// time, and is told.
///
/// Files put one behind the other are read as one, as long as they have the same rate and channels.
final class FLACSource: AudioSource {
  private(set) var sourceRate = 0
  private(set) var channels = 0
  var remark: String? { nil }
  private(set) var missing: MissingAudio?

  private let bytes: AudioBytes
  private let end: Int
  private var start: Int
  private var position: Int
  private var decoder: UnsafeMutablePointer<FLAC__StreamDecoder>?
  /// Decoded and not yet handed over, interleaved.
  private var pending: [Float] = []
  private var taken = 0
  private var promised = 0
  private var promisedBefore = 0
  private var decoded = 0
  private var missingFrames = 0
  private var isOver = false
  private var isHeaderSeen = false
  private var isOther = false
  /// Something was wrong, and no sound has come since.
  private var isDamaged = false

  /// Silence for damage is not made beyond this many seconds at once.
  private static let longestGap = 60

  init(_ bytes: AudioBytes, _ segment: AudioSegment) throws(AudioError) {
    self.bytes = bytes
    start = segment.range.lowerBound
    position = start
    end = segment.range.upperBound
    guard open(), let decoder,
      FLAC__stream_decoder_process_until_end_of_metadata(decoder) != 0, isHeaderSeen
    else {
      if let decoder { FLAC__stream_decoder_delete(decoder) }
      decoder = nil
      throw .notAudio(path: bytes.path, reason: "its FLAC header is damaged")
    }
  }

  deinit { if let decoder { FLAC__stream_decoder_delete(decoder) } }

  private func open() -> Bool {
    guard let made = FLAC__stream_decoder_new() else { return false }
    decoder = made
    let user = Unmanaged.passUnretained(self).toOpaque()
    let status = FLAC__stream_decoder_init_stream(
      made,
      { _, buffer, count, user in
        guard let source = FLACSource.of(user), let buffer, let count else {
          return FLAC__STREAM_DECODER_READ_STATUS_ABORT
        }
        let wanted = max(0, min(count.pointee, source.end - source.position))
        let got = source.bytes.read(at: source.position, into: buffer, length: wanted)
        source.position += got
        count.pointee = got
        return got == 0
          ? FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM
          : FLAC__STREAM_DECODER_READ_STATUS_CONTINUE
      },
      nil,
      { _, offset, user in
        guard let source = FLACSource.of(user), let offset else {
          return FLAC__STREAM_DECODER_TELL_STATUS_ERROR
        }
        offset.pointee = FLAC__uint64(source.position - source.start)
        return FLAC__STREAM_DECODER_TELL_STATUS_OK
      },
      nil,
      { _, user in (FLACSource.of(user).map { $0.position >= $0.end } ?? true) ? 1 : 0 },
      { _, frame, buffer, user in
        if let source = FLACSource.of(user), let frame, let buffer { source.take(frame, buffer) }
        return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE
      },
      { _, metadata, user in
        if let source = FLACSource.of(user), let metadata { source.header(metadata) }
      },
      { _, _, user in FLACSource.of(user)?.isDamaged = true }, user)
    return status == FLAC__STREAM_DECODER_INIT_STATUS_OK
  }

  private static func of(_ user: UnsafeMutableRawPointer?) -> FLACSource? {
    user.map { Unmanaged<FLACSource>.fromOpaque($0).takeUnretainedValue() }
  }

  private func header(_ metadata: UnsafePointer<FLAC__StreamMetadata>) {
    guard tandem_flac_is_stream_info(metadata) != 0 else { return }
    let rate = Int(tandem_flac_rate(metadata))
    let count = Int(tandem_flac_channels(metadata))
    if !isHeaderSeen {
      sourceRate = rate
      channels = count
    } else if rate != sourceRate || count != channels {
      isOther = true
    }
    isHeaderSeen = true
    promised = Int(tandem_flac_total_samples(metadata))
  }

  private func take(
    _ frame: UnsafePointer<FLAC__Frame>,
    _ buffer: UnsafePointer<UnsafePointer<FLAC__int32>?>
  ) {
    let head = frame.pointee.header
    guard Int(head.channels) == channels, Int(head.sample_rate) == sourceRate else { return }
    let first = Int(min(tandem_flac_first_sample(frame), FLAC__uint64(Int.max)))
    if first > decoded, first - decoded <= max(promised - decoded, 0) || promised == 0 {
      fill(first - decoded)
    }
    let count = Int(head.blocksize)
    if isDamaged {
      // libFLAC gives silence for what it cannot decode, and for frames that are not there.
      isDamaged = (0..<channels).allSatisfy { channel in
        (0..<count).allSatisfy { buffer[channel]?[$0] == 0 }
      }
      if isDamaged { missingFrames += count }
    }
    let scale = 1 / Float(1 << (max(1, head.bits_per_sample) - 1))
    pending.reserveCapacity(pending.count + count * channels)
    for index in 0..<count {
      for channel in 0..<channels {
        pending.append(Float(buffer[channel]?[index] ?? 0) * scale)
      }
    }
    decoded += count
  }

  /// Silence for frames that could not be decoded.
  private func fill(_ frames: Int) {
    missingFrames += frames
    decoded += frames
    let silent = min(frames, Self.longestGap * sourceRate)
    pending += repeatElement(0, count: silent * channels)
  }

  func read(_ block: inout [Float], frames count: Int) -> Int {
    while pending.count - taken < count * channels, !isOver {
      if taken > 0 {
        pending.removeFirst(taken)
        taken = 0
      }
      step()
    }
    let frames = min(count, (pending.count - taken) / max(1, channels))
    let values = frames * channels
    block.replaceSubrange(0..<values, with: pending[taken..<(taken + values)])
    taken += values
    if frames == 0 { judge() }
    return frames
  }

  private func step() {
    guard let decoder else {
      isOver = true
      return
    }
    // Behind the last promised sample libFLAC would look for more, and take another file's header for damage.
    let isComplete = promised > 0 && decoded >= promised
    let isGood = isComplete || FLAC__stream_decoder_process_single(decoder) != 0
    let state = FLAC__stream_decoder_get_state(decoder)
    guard
      isComplete || !isGood || state == FLAC__STREAM_DECODER_END_OF_STREAM
        || state == FLAC__STREAM_DECODER_ABORTED
    else { return }
    var at: FLAC__uint64 = 0
    if FLAC__stream_decoder_get_decode_position(decoder, &at) == 0 { at = 0 }
    FLAC__stream_decoder_delete(decoder)
    self.decoder = nil
    if promised > decoded { missingFrames += promised - decoded }
    promisedBefore += max(promised, decoded)
    promised = 0
    decoded = 0
    // Another file behind this one.
    let next = start + Int(at)
    guard at > 0, next < end else { return }
    let audio = next + MPEGFrames.tagLength(bytes, at: next)
    guard bytes.bytes(at: audio, length: 4).has("fLaC", at: 0) else { return }
    start = audio
    position = audio
    isDamaged = false
    guard open(), let made = self.decoder,
      FLAC__stream_decoder_process_until_end_of_metadata(made) != 0, !isOther
    else {
      if let made = self.decoder { FLAC__stream_decoder_delete(made) }
      self.decoder = nil
      missingFrames += max(1, promised)
      promisedBefore += max(1, promised)
      return
    }
  }

  private func judge() {
    guard missingFrames > 0 else { return }
    let seconds = { (frames: Int) in Double(frames) / Double(max(1, self.sourceRate)) }
    missing = MissingAudio(
      promisedSeconds: seconds(promisedBefore), missingSeconds: seconds(missingFrames),
      reason: isOther
        ? "a second file of another rate or number of channels stands behind the first"
        : "frames are damaged or cut off")
  }
}
