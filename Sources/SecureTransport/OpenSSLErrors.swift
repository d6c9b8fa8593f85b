import COpenSSL

/// OpenSSL's error queue, which belongs to the thread that made the failing call.
enum OpenSSLErrors {
  struct Entry {
    var library: Int32
    var reason: Int32
    var text: String
  }

  /// Takes everything out of this thread's queue, oldest first. Must be called on the
  /// thread of the failing call, before any other call into OpenSSL.
  static func drain() -> [Entry] {
    var entries: [Entry] = []
    while true {
      let code = ERR_get_error()
      if code == 0 { return entries }
      let text = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
      entries.append(
        Entry(library: tandem_ERR_library(code), reason: tandem_ERR_reason(code), text: text))
    }
  }

  /// The queue as one phrase, for errors that need no closer look.
  static func drainText() -> String {
    let texts = drain().map(\.text)
    return texts.isEmpty ? "no reason given" : texts.joined(separator: ", ")
  }
}
