extension EdgeSettings {
  /// The head of `Config/edge.yaml`.
  public static let fileHeader = """
    Settings of tandem-edge, each with its default.

    A flag is stronger than the environment, the environment is stronger than this file: limits.streams
    is also --limits-streams and TANDEM_EDGE_LIMITS_STREAMS. 'tandem-edge serve --print-config' shows what
    is in force and where it came from. Paths are relative to the folder in which the program runs.
    """

  /// Every key, in the order of the file.
  public static let keys: [SettingKey] =
    [
      SettingKey(
        "host", .string, default: .string("127.0.0.1"),
        "Address to listen at. 0.0.0.0 listens to other machines too."),
      SettingKey(
        "port", .integer(0...65_535), default: .integer(7443),
        "TCP port to listen at. 0: any free one, which the log names."),
      SettingKey(
        "model", .path, default: .string("Models/english"),
        "Folder of the model: model.json, device.safetensors, edge.safetensors, vocabulary.json."),
    ] + CertificateSettings.keys + [
      SettingKey(
        "certificates.requireClient", .boolean, default: .boolean(true),
        "Whether a client must show a certificate of the authority. Switch it off only behind "
          + "something else that checks who is there."),
      SettingKey(
        "inference.threads", .integer(0...1024), default: .integer(0),
        "Threads that compute. 0: one a core."),
      SettingKey(
        "inference.queueLimit", .integer(1...100_000), default: .integer(64),
        "Utterances that may wait for a thread. One more is refused at once, so that its device can "
          + "answer by itself."),
      SettingKey(
        "inference.beamSize", .integer(1...64), default: .integer(8),
        "Hypotheses that the second pass's search keeps. 1: greedy."),
      SettingKey(
        "inference.whisperBeamSize", .integer(1...64), default: .integer(1),
        "The same for a model of Whisper's family, whose decoder costs far more a hypothesis."),
      SettingKey(
        "inference.language", .string, default: .string(""),
        "What is spoken, such as en, for a model that knows several languages. Empty: what model.json says."
      ),
      SettingKey(
        "inference.decoder", .choice(["model", "transducer", "ctc", "fused"]),
        default: .string("model"),
        "What makes the transcript of the second pass. model: what model.json names, the one that did "
          + "better on dev. fused: the best transcripts of both, judged by both."),
      SettingKey(
        "inference.languageModel", .choice(["edge", "device", "none"]), default: .string("edge"),
        "Which of the model's language models the search asks; none where the model has none."),
      SettingKey(
        "inference.lexicon", .string, default: .string(""),
        "Text file with the only words and phrases that may be recognised, one a line. Empty: any."),
      SettingKey(
        "limits.streams", .integer(1...100_000), default: .integer(256),
        "Utterances at a time."),
      SettingKey(
        "limits.packets", .integer(1...3_000), default: .integer(2000),
        "Packets an utterance."),
      SettingKey(
        "limits.bytes", .integer(1024...33_554_432), default: .integer(8_388_608),
        "Bytes of features an utterance."),
      SettingKey(
        "limits.messageBytes", .integer(1024...1_048_576), default: .integer(1_048_576),
        "Bytes a message."),
      SettingKey(
        "limits.seconds", .integer(1...120), default: .integer(60),
        "Seconds of speech an utterance."),
      SettingKey(
        "timeouts.streamIdleSeconds", .number(0.1...3600), default: .number(30),
        "Seconds without a packet after which an utterance is given up."),
      SettingKey(
        "timeouts.connectionIdleSeconds", .number(1...86_400), default: .number(300),
        "Seconds without an utterance after which a connection is closed."),
      SettingKey(
        "timeouts.shutdownGraceSeconds", .number(0...3600), default: .number(10),
        "Seconds that running utterances have to end when the server is told to stop."),
      SettingKey(
        "logLevel", .choice(LogLevel.allCases.map(\.rawValue)), default: .string("info"),
        "How much is said on standard error. Never a word of a transcript."),
    ]
}
