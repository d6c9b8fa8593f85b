import CSampleRate

/// libsamplerate, from one rate to 16 kHz.
final class Resampler {
  private let path: String
  private let ratio: Double
  private let state: OpaquePointer

  init(from rate: Int, path: String) throws(AudioError) {
    self.path = path
    ratio = Double(AudioReader.sampleRate) / Double(rate)
    var code: Int32 = 0
    guard let made = src_new(Int32(SRC_SINC_MEDIUM_QUALITY), 1, &code) else {
      throw .resampling(path: path, reason: String(cString: src_strerror(code)))
    }
    state = made
  }

  deinit { src_delete(state) }

  /// An empty block flushes it.
  func resample(_ mono: [Float]) throws(AudioError) -> [Float] {
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
            code = src_process(state, &data)
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
