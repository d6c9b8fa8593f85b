import CSampleRate
import CSndFile
import Foundation

/// Reads any file that libsndfile knows, in blocks, as 16 kHz mono.
///
/// Channels are averaged, other rates resampled by libsamplerate (band-limited
/// sinc), samples in [-1, 1]. Memory does not grow with the file.
public final class AudioReader {
  /// Samples a second of everything that comes out.
  public static let sampleRate = 16_000

  public let path: String
  /// Of the file, before resampling and mixing.
  public let sourceRate: Int
  public let channels: Int

  private let file: OpaquePointer
  private let resampler: OpaquePointer?
  private var samplesRead = 0
  private var ended = false
  private static let blockFrames = 16_384

  public init(path: String) throws(AudioError) {
    self.path = path
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
      FileManager.default.isReadableFile(atPath: path)
    else { throw .notFound(path: path) }
    if isDirectory.boolValue { throw .notAudio(path: path, reason: "it is a folder") }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    if let size = attributes?[.size] as? Int, size == 0 { throw .empty(path: path) }
    var info = SF_INFO()
    guard let file = sf_open(path, Int32(SFM_READ), &info) else {
      throw .notAudio(path: path, reason: String(cString: sf_strerror(nil)))
    }
    sourceRate = Int(info.samplerate)
    channels = Int(info.channels)
    guard (4_000...384_000).contains(sourceRate) else {
      sf_close(file)
      throw .badRate(path: path, rate: sourceRate)
    }
    guard (1...64).contains(channels) else {
      sf_close(file)
      throw .tooManyChannels(path: path, channels: channels)
    }
    if sourceRate == Self.sampleRate {
      resampler = nil
    } else {
      var code: Int32 = 0
      guard let made = src_new(Int32(SRC_SINC_MEDIUM_QUALITY), 1, &code) else {
        sf_close(file)
        throw .resampling(path: path, reason: String(cString: src_strerror(code)))
      }
      resampler = made
    }
    self.file = file
  }

  deinit {
    sf_close(file)
    if let resampler { src_delete(resampler) }
  }

  /// The next block of 16 kHz mono samples, about a second of them; nil at the end.
  ///
  /// Throws when a sample is not finite, and when the file turns out to hold no sample at all.
  public func next() throws(AudioError) -> [Float]? {
    while !ended {
      let mono = try readMono()
      ended = mono.isEmpty
      if ended && samplesRead == 0 { throw .noSamples(path: path) }
      let out = try resample(mono)
      if !out.isEmpty { return out }
    }
    return nil
  }

  /// The whole file, at most `maximumSeconds` of it.
  public static func readAll(path: String, maximumSeconds: Double = 3_600) throws(AudioError)
    -> [Float]
  {
    let reader = try AudioReader(path: path)
    var samples: [Float] = []
    let limit = Int(maximumSeconds * Double(sampleRate))
    while samples.count < limit, let block = try reader.next() { samples += block }
    return samples.count > limit ? Array(samples.prefix(limit)) : samples
  }

  private func readMono() throws(AudioError) -> [Float] {
    var block = [Float](repeating: 0, count: Self.blockFrames * channels)
    let frames = Int(sf_readf_float(file, &block, sf_count_t(Self.blockFrames)))
    guard frames > 0 else { return [] }
    var mono = [Float](repeating: 0, count: frames)
    let scale = 1 / Float(channels)
    for frame in 0..<frames {
      var sum: Float = 0
      for channel in 0..<channels { sum += block[frame * channels + channel] }
      guard sum.isFinite else { throw .nonFinite(path: path, sample: samplesRead + frame) }
      mono[frame] = sum * scale
    }
    samplesRead += frames
    return mono
  }

  /// An empty block flushes the resampler.
  private func resample(_ mono: [Float]) throws(AudioError) -> [Float] {
    guard let resampler else { return mono }
    let ratio = Double(Self.sampleRate) / Double(sourceRate)
    var out: [Float] = []
    var consumed = 0
    var code: Int32 = 0
    var block = [Float](repeating: 0, count: Int(Double(max(mono.count, 4_096)) * ratio) + 1_024)
    var produced = 0
    repeat {
      mono.withUnsafeBufferPointer { input in
        block.withUnsafeMutableBufferPointer { output in
          var empty: Float = 0
          withUnsafePointer(to: &empty) { placeholder in
            var data = SRC_DATA()
            data.data_in = input.baseAddress.map { $0 + consumed } ?? placeholder
            data.input_frames = input.count - consumed
            data.data_out = output.baseAddress
            data.output_frames = output.count
            data.end_of_input = mono.isEmpty ? 1 : 0
            data.src_ratio = ratio
            code = src_process(resampler, &data)
            consumed += data.input_frames_used
            produced = data.output_frames_gen
          }
        }
      }
      guard code == 0 else {
        throw .resampling(path: path, reason: String(cString: src_strerror(code)))
      }
      out += block.prefix(produced)
    } while consumed < mono.count || produced == block.count
    return out
  }
}
