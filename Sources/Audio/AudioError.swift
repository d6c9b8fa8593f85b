import Basics

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
  /// What comes through a pipe cannot be kept until it is complete.
  case unkept(path: String, reason: String)
  /// The file promises more than could be read of it; what could be was given.
  case incomplete(path: String, promisedSeconds: Double, missingSeconds: Double, reason: String)

  public var description: String {
    switch self {
    case .notFound(let path):
      "audio file \(PathName.printable(path)) cannot be opened: no such file, or no permission to read it."
    case .empty(let path):
      "\(Self.name(path)) is empty (0 bytes). Record it again."
    case .notAudio(let path, let reason):
      "\(path == "-" ? "standard input" : PathName.printable(path)) is not audio that libsndfile reads (\(reason)). Give a WAV, FLAC, Ogg Opus, Ogg Vorbis or MP3 file."
    case .noSamples(let path):
      "\(Self.name(path)) has 0 samples: there is nothing to recognise."
    case .nonFinite(let path, let sample):
      "\(Self.name(path)): sample \(sample) is not a finite number. The recorder or a filter is broken; write it again."
    case .badRate(let path, let rate):
      "\(Self.name(path)) has \(rate) samples a second; Tandem reads 4,000 to 384,000."
    case .tooManyChannels(let path, let channels):
      "\(Self.name(path)) has \(channels) channels; Tandem mixes down at most 64."
    case .resampling(let path, let reason):
      "\(Self.name(path)) cannot be resampled to 16 kHz: \(reason)."
    case .unkept(let path, let reason):
      "\(Self.name(path)) comes through a pipe and cannot be kept until its end: \(reason). Save it as a file first."
    case .incomplete(let path, let promised, let missing, let reason):
      missing == 0
        ? "\(Self.name(path)) is not complete: \(reason). What is there was recognised."
        : "\(Self.name(path)) is not complete: it promises \(Self.seconds(promised)) s, and \(Self.seconds(missing)) s of them are missing (\(reason)). What is there was recognised."
    }
  }

  private static func name(_ path: String) -> String {
    path == "-" ? "standard input" : "audio file \(PathName.printable(path))"
  }

  private static func seconds(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
