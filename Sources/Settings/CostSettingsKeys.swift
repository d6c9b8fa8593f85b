import Offload

extension CostSettings {
  /// The head of `Config/costs.yaml`.
  public static let fileHeader = """
    What things cost, and the coefficients that predictions are made with.

    The cost of an action is latencySecond * seconds + joule * joules + megabyte * bytes / 10^6
    + (serverSecond + the edge's price) * server seconds + wordError * expected word errors. One unit is
    one second of waiting for the answer. The weights are opinions, fixed before any tuning.

    [Feiereisen22] has been read again. [Horowitz14] was checked where others quote it (an addition 0.9,
    a multiplication 3.7 pJ; https://pmc.ncbi.nlm.nih.gov/articles/PMC8934428, table 3). The figures of
    [Huang12] were written down from memory of it: check them before you publish a joule.

    Sources. [Huang12] J. Huang et al., A Close Examination of Performance and Power Characteristics of
    4G LTE Networks, MobiSys 2012, power model of section 5: watts = joulesPerMegabit * Mbit/s +
    activeWatts, then a tail. [Feiereisen22] W. Feiereisen, Benchmarking the Raspberry Pi 4 with Raspberry
    Pi OS64, 2022, https://feiereisen.net/?page_id=924. [Horowitz14] M. Horowitz, Computing's Energy
    Problem, ISSCC 2014: a 32-bit multiplication with addition takes 4.6 pJ in 45 nm, so that 0.0023 J per
    10^9 operations is a floor; memory and control cost one to two orders of magnitude more. What is
    marked "assumed" has no measurement behind it: measure your device and change it.
    """

  private static let positive = SettingKind.number(0.001...1_000_000)
  private static let notNegative = SettingKind.number(0...1_000_000)
  private static let standard = CostModel.standard

  /// Every key, in the order of the file.
  public static let keys: [SettingKey] =
    [
      SettingKey(
        "weights.latencySecond", notNegative, default: .number(standard.weights.latencySecond),
        "Units per second until the answer."),
      SettingKey(
        "weights.joule", notNegative, default: .number(standard.weights.joule),
        "Units per joule drawn from the device."),
      SettingKey(
        "weights.megabyte", notNegative, default: .number(standard.weights.megabyte),
        "Units per megabyte (10^6 bytes) sent or received."),
      SettingKey(
        "weights.serverSecond", notNegative, default: .number(standard.weights.serverSecond),
        "Units per second of one edge core."),
      SettingKey(
        "weights.wordError", notNegative, default: .number(standard.weights.wordError),
        "Units per expected word error in the answer."),
    ] + DeviceClass.allCases.flatMap(keys(of:)) + Radio.allCases.flatMap(keys(of:)) + [
      SettingKey(
        "edge.gigaoperationsPerSecond", positive,
        default: .number(standard.edgeOperationsPerSecond / 1e9),
        "10^9 floating-point operations/s of one edge core. Assumed: half of what two cores of our "
          + "build machine reach in float32 matrix products."),
      SettingKey(
        "link.packetOverheadBytes", .integer(0...100_000),
        default: .integer(Int(standard.packetOverheadBytes)),
        "Bytes that framing adds to a packet: gRPC 5, HTTP/2 9, TLS 22, TCP/IP 52, protobuf about 12."
      ),
      SettingKey(
        "link.answerBytes", .integer(0...1_000_000), default: .integer(Int(standard.answerBytes)),
        "Bytes of all answers to one utterance, framing included. Assumed."),
      SettingKey(
        "link.assumedMegabitsPerSecond", positive,
        default: .number(standard.assumedBandwidth / 1e6),
        "Uplink in Mbit/s that is assumed while nothing is known of the link."),
      SettingKey(
        "link.assumedRoundTripSeconds", notNegative, default: .number(standard.assumedRoundTrip),
        "Round trip in seconds that is assumed while nothing is known of the link."),
      SettingKey(
        "speech.wordsPerSecond", positive, default: .number(standard.wordsPerSecond),
        "Words a second, to turn error rates into expected word errors: read English has about 150 "
          + "words a minute."),
    ]

  private static func keys(of device: DeviceClass) -> [SettingKey] {
    let profile =
      standard.devices[device]
      ?? DeviceProfile(operationsPerSecond: 1e9, joulesPerGigaoperation: 1, radio: .wifi)
    let name = "devices.\(device.rawValue)."
    let source =
      switch device {
      case .microcontroller:
        (
          "Assumed: one 32-bit FPU at some 400 MHz, about half used.",
          "Assumed: 0.3 W while it computes at that speed."
        )
      case .singleBoard:
        (
          "Raspberry Pi 4, LINPACK on four cores: about 8 [Feiereisen22].",
          "Assumed: 6 W for the board at that speed."
        )
      case .phone:
        (
          "Assumed: one large core with 128-bit vectors at some 2.5 GHz.",
          "Assumed: 3 W at that speed; forty times [Horowitz14]'s floor."
        )
      case .laptop:
        (
          "Two cores of our build machine reach 100 to 200 in float32 matrix products.",
          "Assumed: 15 W at that speed."
        )
      }
    return [
      SettingKey(
        name + "gigaoperationsPerSecond", positive,
        default: .number(profile.operationsPerSecond / 1e9),
        "10^9 floating-point operations/s. " + source.0),
      SettingKey(
        name + "joulesPerGigaoperation", notNegative,
        default: .number(profile.joulesPerGigaoperation),
        "Joules per 10^9 operations. " + source.1),
      SettingKey(
        name + "radio", .choice(Radio.allCases.map(\.rawValue)),
        default: .string(profile.radio.rawValue), "What it talks over."),
    ]
  }

  private static func keys(of radio: Radio) -> [SettingKey] {
    let profile =
      standard.radios[radio]
      ?? RadioProfile(
        uplinkJoulesPerMegabit: 0, downlinkJoulesPerMegabit: 0, activeWatts: 0, tailSeconds: 0,
        tailWatts: 0)
    let name = "radios.\(radio.rawValue)."
    return [
      SettingKey(
        name + "uplinkJoulesPerMegabit", notNegative,
        default: .number(profile.uplinkJoulesPerMegabit), "Joules per 10^6 bits sent [Huang12]."),
      SettingKey(
        name + "downlinkJoulesPerMegabit", notNegative,
        default: .number(profile.downlinkJoulesPerMegabit),
        "Joules per 10^6 bits received [Huang12]."),
      SettingKey(
        name + "activeWatts", notNegative, default: .number(profile.activeWatts),
        "Watts while a transfer is under way, whatever its rate [Huang12]."),
      SettingKey(
        name + "tailSeconds", notNegative, default: .number(profile.tailSeconds),
        "Seconds that the radio stays awake after a transfer [Huang12]."),
      SettingKey(
        name + "tailWatts", notNegative, default: .number(profile.tailWatts),
        "Watts in the tail [Huang12]."),
    ]
  }
}
