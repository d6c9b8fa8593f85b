import Foundation

/// Reads a recording in blocks, as 16 kHz mono: whatever libsndfile knows, and FLAC through libFLAC.
///
/// Channels are averaged, other rates resampled by libsamplerate (band-limited sinc), samples in [-1, 1]. Memory does not
/// grow with the file. What comes through a pipe is kept on the disk until its end. When `next` has returned nil,
/// `incompleteness` says whether that was all the sound that the file promised.
public final class AudioReader {
  /// Samples a second of everything that comes out.
  public static let sampleRate = 16_000

  public let path: String
  /// Of the file, before resampling and mixing; of the first part of one that has several.
  public let sourceRate: Int
  public let channels: Int
  /// What the user should know of the recording and need not act on.
  public private(set) var remarks: [String] = []

  private let bytes: AudioBytes
  private var segments: ArraySlice<AudioSegment>
  private var source: any AudioSource
  private var resampler: Resampler?
  private var mixer = ChannelMixer()
  private var missing: [MissingAudio] = []
  private var samplesRead = 0
  private var ended = false
  private static let blockFrames = 16_384

  /// - Parameter path: "-" is standard input.
  public init(path: String) throws(AudioError) {
    self.path = path
    bytes = try AudioBytes(path: path)
    segments = try AudioContainer.segments(of: bytes)[...]
    guard let first = segments.popFirst() else { throw .empty(path: path) }
    source = try Self.open(first, bytes)
    sourceRate = source.sourceRate
    channels = source.channels
    if let remark = source.remark { remarks.append(remark) }
    resampler = try Self.resampler(for: source, path: path)
  }

  private static func open(_ segment: AudioSegment, _ bytes: AudioBytes) throws(AudioError)
    -> any AudioSource
  {
    let source: any AudioSource =
      switch segment.reader {
      case .flac: try FLACSource(bytes, segment)
      case .sndfile: try SoundFileSource(bytes, segment)
      }
    guard (4_000...384_000).contains(source.sourceRate) else {
      throw .badRate(path: bytes.path, rate: source.sourceRate)
    }
    guard (1...64).contains(source.channels) else {
      throw .tooManyChannels(path: bytes.path, channels: source.channels)
    }
    return source
  }

  private static func resampler(for source: any AudioSource, path: String) throws(AudioError)
    -> Resampler?
  {
    source.sourceRate == sampleRate ? nil : try Resampler(from: source.sourceRate, path: path)
  }

  /// The next block of 16 kHz mono samples, about a second of them; nil at the end.
  ///
  /// Throws when a sample is not finite, and when the file turns out to hold no sample at all.
  public func next() throws(AudioError) -> [Float]? {
    while !ended {
      let mono = try readMono()
      // An empty block flushes the resampler.
      let out = try resampler?.resample(mono) ?? mono
      if mono.isEmpty { try advance() }
      if !out.isEmpty { return out }
    }
    return nil
  }

  /// To the segment behind the one that has ended.
  private func advance() throws(AudioError) {
    if let found = source.missing { missing.append(found) }
    while let segment = segments.popFirst() {
      do {
        source = try Self.open(segment, bytes)
        resampler = try Self.resampler(for: source, path: path)
        mixer = ChannelMixer()
        return
      } catch {
        missing.append(
          MissingAudio(
            promisedSeconds: 0, missingSeconds: 0,
            reason: "a part that stands behind the first cannot be read"))
      }
    }
    ended = true
    if samplesRead == 0 { throw .noSamples(path: path) }
  }

  /// What the file promised and did not hold; nil before the end, and when nothing is missing.
  public var incompleteness: AudioError? {
    guard ended, let first = missing.first else { return nil }
    return .incomplete(
      path: path, promisedSeconds: missing.reduce(0) { $0 + $1.promisedSeconds },
      missingSeconds: missing.reduce(0) { $0 + $1.missingSeconds }, reason: first.reason)
  }

  /// The whole file, at most `maximumSeconds` of it.
  ///
  /// - Throws: `AudioError.incomplete` too: half a recording is not the whole one.
  public static func readAll(path: String, maximumSeconds: Double = 3_600) throws(AudioError)
    -> [Float]
  {
    let reader = try AudioReader(path: path)
    var samples: [Float] = []
    let limit = Int(maximumSeconds * Double(sampleRate))
    while samples.count < limit, let block = try reader.next() { samples += block }
    if let error = reader.incompleteness { throw error }
    return samples.count > limit ? Array(samples.prefix(limit)) : samples
  }

  private func readMono() throws(AudioError) -> [Float] {
    let channels = source.channels
    var block = [Float](repeating: 0, count: Self.blockFrames * channels)
    let frames = source.read(&block, frames: Self.blockFrames)
    guard frames > 0 else { return [] }
    for index in 0..<(frames * channels) where !block[index].isFinite {
      throw .nonFinite(path: path, sample: samplesRead + index / channels)
    }
    samplesRead += frames
    return mixer.mono(block, frames: frames, channels: channels)
  }
}
