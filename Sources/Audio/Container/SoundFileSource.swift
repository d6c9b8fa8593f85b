import CSndFile
import Foundation

/// A segment as libsndfile reads it.
final class SoundFileSource: AudioSource {
  private(set) var sourceRate: Int
  private(set) var channels: Int
  private let window: ByteWindow
  private let file: OpaquePointer
  private let frames: Int
  private var framesRead = 0
  /// What samples are multiplied by: 1, unless floating-point samples are in an integer's scale.
  private let scale: Float
  let remark: String?
  private(set) var missing: MissingAudio?

  /// The part of the recording that libsndfile sees, with the header's patches.
  private final class ByteWindow {
    let bytes: AudioBytes
    let segment: AudioSegment
    var position = 0

    init(_ bytes: AudioBytes, _ segment: AudioSegment) {
      self.bytes = bytes
      self.segment = segment
    }

    func read(_ pointer: UnsafeMutableRawPointer, _ count: Int) -> Int {
      let length = max(0, min(count, segment.range.count - position))
      let offset = segment.range.lowerBound + position
      let got = bytes.read(at: offset, into: pointer, length: length)
      for patch in segment.patches {
        for (index, byte) in patch.bytes.enumerated() {
          let at = patch.offset + index - offset
          if at >= 0, at < got { pointer.storeBytes(of: byte, toByteOffset: at, as: UInt8.self) }
        }
      }
      position += got
      return got
    }
  }

  init(_ bytes: AudioBytes, _ segment: AudioSegment) throws(AudioError) {
    let window = ByteWindow(bytes, segment)
    self.window = window
    var calls = SF_VIRTUAL_IO(
      get_filelen: { user in
        user.map { sf_count_t(SoundFileSource.window($0).segment.range.count) } ?? 0
      },
      seek: { offset, whence, user in
        guard let user else { return -1 }
        let window = SoundFileSource.window(user)
        let base =
          switch whence {
          case SEEK_SET: 0
          case SEEK_CUR: window.position
          default: window.segment.range.count
          }
        let (target, isOver) = base.addingReportingOverflow(Int(offset))
        guard !isOver, target >= 0 else { return -1 }
        window.position = target
        return sf_count_t(target)
      },
      read: { pointer, count, user in
        guard let pointer, let user else { return 0 }
        return sf_count_t(SoundFileSource.window(user).read(pointer, Int(count)))
      },
      write: { _, _, _ in 0 },
      tell: { user in user.map { sf_count_t(SoundFileSource.window($0).position) } ?? 0 })
    var info = SF_INFO()
    let user = Unmanaged.passUnretained(window).toOpaque()
    var opened = sf_open_virtual(&calls, Int32(SFM_READ), &info, user)
    if opened == nil, segment.range == 0..<bytes.count, Self.isHeaderless(bytes.path) {
      // Formats without a header, which only the name tells.
      info = SF_INFO()
      opened = sf_open(bytes.path, Int32(SFM_READ), &info)
    }
    guard let file = opened else {
      throw .notAudio(path: bytes.path, reason: String(cString: sf_strerror(nil)))
    }
    self.file = file
    sourceRate = Int(info.samplerate)
    channels = Int(info.channels)
    frames = Int(info.frames)
    (scale, remark) = Self.scale(file, info, bytes.path)
  }

  deinit { sf_close(file) }

  private static func window(_ user: UnsafeMutableRawPointer) -> ByteWindow {
    Unmanaged<ByteWindow>.fromOpaque(user).takeUnretainedValue()
  }

  private static func isHeaderless(_ path: String) -> Bool {
    ["vox", "gsm", "sd2"].contains((path as NSString).pathExtension.lowercased())
  }

  /// Floating-point samples belong between -1 and 1; programs that forgot to divide leave them in a 16-bit scale.
  private static func scale(_ file: OpaquePointer, _ info: SF_INFO, _ path: String)
    -> (Float, String?)
  {
    let subtype = Int32(info.format) & Int32(SF_FORMAT_SUBMASK)
    guard [Int32(SF_FORMAT_FLOAT), Int32(SF_FORMAT_DOUBLE)].contains(subtype), info.seekable != 0
    else { return (1, nil) }
    var peak = 0.0
    guard
      sf_command(
        file, Int32(SFC_CALC_SIGNAL_MAX), &peak, Int32(MemoryLayout<Double>.size)) == 0,
      peak.isFinite, peak > 2
    else { return (1, nil) }
    // Between a loud recording and the smallest scale of an integer lies nothing that anybody writes.
    guard peak > 64 else {
      return (1, "its samples reach \(peak), not 1: it was recorded or mixed too loud")
    }
    let full: Float =
      peak <= 32_768 * 2 ? 32_768 : peak <= 8_388_608 * 2 ? 8_388_608 : 2_147_483_648
    return (
      1 / full,
      "its floating-point samples reach \(Int(min(peak, 1e15))), not 1: taken for whole numbers and divided by \(Int(full))"
    )
  }

  func read(_ block: inout [Float], frames count: Int) -> Int {
    let got = Int(sf_readf_float(file, &block, sf_count_t(count)))
    if scale != 1 { for index in 0..<(max(0, got) * channels) { block[index] *= scale } }
    framesRead += max(0, got)
    if got <= 0 { judge() }
    return max(0, got)
  }

  private func judge() {
    let read = Double(framesRead) / Double(max(1, sourceRate))
    var promised = window.segment.promisedSeconds ?? read
    // Where a length can only be estimated the largest number stands for it.
    if frames > 0, frames < .max / 2 {
      promised = max(promised, Double(frames) / Double(max(1, sourceRate)))
    }
    let damage = window.segment.damage
    // An encoder's delay is counted by some and not by others.
    guard promised - read > 0.1 || damage != nil else { return }
    missing = MissingAudio(
      promisedSeconds: promised, missingSeconds: max(0, promised - read),
      reason: damage ?? "the decoder stopped at damaged data")
  }
}
