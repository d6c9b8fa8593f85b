import Audio
import Conformer
import DecisionLog
import Decoding
import Evaluation
import Models
import Offload
import SecureTransport
import Settings
import TandemDevice

/// The sysexits code for an error of any room; settings' errors bring their own.
func exitStatus(of error: any Error) -> ExitStatus {
  switch error {
  case is UnknownPolicyError: .usage
  case let error as AudioError:
    switch error {
    case .notFound: .noInput
    case .unkept: .inputOutput
    default: .data
    }
  case let error as ManifestError:
    if case .unreadable = error { .noInput } else { .data }
  case let error as ModelError:
    switch error {
    case .missingFile: .noInput
    default: .data
    }
  case let error as TLSError:
    switch error.kind {
    case .file, .keyMismatch, .options, .ownCertificateExpired: .configuration
    default: .unavailable
    }
  case is CalibrationError, is RecognitionError, is LanguageModelError, is DecodingSettingsError,
    is ExitConfidenceError:
    .data
  case let error as LexiconError: if case .unreadable = error { .noInput } else { .data }
  case is OffloadFailure: .unavailable
  case let error as DecisionLogError:
    switch error {
    case .notFound: .noInput
    default: .data
    }
  default: .software
  }
}
