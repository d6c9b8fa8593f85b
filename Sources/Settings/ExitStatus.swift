/// What a command's exit status says, as BSD's `sysexits.h` numbers it.
public enum ExitStatus: Int32, CaseIterable, Sendable {
  case success = 0
  /// EX_USAGE: the command line is wrong.
  case usage = 64
  /// EX_DATAERR: the input is wrong (no audio, NaN samples, a damaged model).
  case data = 65
  /// EX_NOINPUT: an input file is not there or not readable.
  case noInput = 66
  /// EX_UNAVAILABLE: a service is not there (edge not reachable, port in use).
  case unavailable = 69
  /// EX_SOFTWARE: an error in the program itself.
  case software = 70
  /// EX_CANTCREAT: an output file cannot be made.
  case cannotCreate = 73
  /// EX_IOERR: reading or writing failed on the way.
  case inputOutput = 74
  /// EX_TEMPFAIL: may work later.
  case temporaryFailure = 75
  /// EX_NOPERM: refused (a certificate is wrong or has expired).
  case noPermission = 77
  /// EX_CONFIG: the configuration is wrong.
  case configuration = 78
}
