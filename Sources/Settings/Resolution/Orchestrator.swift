/// Environment variables that no user has set: Kubernetes and Docker describe every service of a namespace by some, and
/// those of a service called `tandem-edge` begin like our settings.
///
/// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
enum Orchestrator {
  /// `TANDEM_EDGE_PORT` is a setting, unless its value is an address such as `tcp://10.0.0.11:7443`.
  static func isService(_ name: String, value: String) -> Bool {
    let words = name.split(separator: "_")
    let protocols: Set<Substring> = ["TCP", "UDP", "SCTP"]
    func isNumber(_ word: Substring) -> Bool { !word.isEmpty && word.allSatisfy(\.isNumber) }
    if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT")
      || name.contains("_SERVICE_PORT_")
    {
      return true
    }
    if words.last == "PORT", protocols.contains(where: { value.hasPrefix("\($0.lowercased())://") })
    {
      return true
    }
    // …_PORT_7443_TCP, and the same with _PROTO, _PORT and _ADDR.
    var rest = words
    if let last = rest.last, ["PROTO", "PORT", "ADDR"].contains(last) { rest.removeLast() }
    guard rest.count >= 3, protocols.contains(rest[rest.count - 1]) else {
      // Docker's links: …_NAME=/container/alias and …_ENV_VARIABLE.
      return name.contains("_ENV_") || (words.last == "NAME" && value.hasPrefix("/"))
    }
    return isNumber(rest[rest.count - 2]) && rest[rest.count - 3] == "PORT"
  }
}
