/// What can be wrong with audio, each with the file, the place and the remedy.
public enum AudioError: Error, CustomStringConvertible, Equatable {
  case notFound(path: String)
  case empty(path: String)
  case notAudio(path: String, reason: String)
  case noSamples(path: String)
  case nonFinite(path: String, sample: Int)
  case badRate(path: String, rate: Int)
  case tooManyChannels(path: String, channels: Int)
  case resampling(path: String, reason: String)

  public var description: String {
    switch self {
    case .notFound(let path):
      "audio file \(path) cannot be opened: no such file, or no permission to read it."
    case .empty(let path):
      "audio file \(path) is empty (0 bytes). Record it again."
    case .notAudio(let path, let reason):
      "\(path) is not audio that libsndfile reads (\(reason)). Give a WAV, FLAC, Ogg Opus, Ogg Vorbis or MP3 file."
    case .noSamples(let path):
      "audio file \(path) has 0 samples: there is nothing to recognise."
    case .nonFinite(let path, let sample):
      "audio file \(path): sample \(sample) is not a finite number. The recorder or a filter is broken; write it again."
    case .badRate(let path, let rate):
      "audio file \(path) has \(rate) samples a second; Tandem reads 4,000 to 384,000."
    case .tooManyChannels(let path, let channels):
      "audio file \(path) has \(channels) channels; Tandem mixes down at most 64."
    case .resampling(let path, let reason):
      "audio file \(path) cannot be resampled to 16 kHz: \(reason)."
    }
  }
}
