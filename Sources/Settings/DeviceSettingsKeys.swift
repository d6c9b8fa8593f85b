import FeatureCodec
import Offload

extension DeviceSettings {
  /// The head of `Config/device.yaml`.
  public static let fileHeader = """
    Settings of tandem-device, each with its default.

    A flag is stronger than the environment, the environment is stronger than this file: edge.port
    is also --edge-port and TANDEM_DEVICE_EDGE_PORT. 'tandem-device … --print-config' shows what is in
    force and where it came from. Paths are relative to the folder in which the program runs.
    """

  /// Every key, in the order of the file.
  public static let keys: [SettingKey] =
    [
      SettingKey(
        "model", .path, default: .string("Models/english"),
        "Folder of the model: model.json, device.safetensors, vocabulary.json, calibration.json."),
      SettingKey(
        "edge.host", .string, default: .string(""),
        "Host name or address of the edge. Empty: there is no edge, everything stays on the device."
      ),
      SettingKey(
        "edge.port", .integer(1...65_535), default: .integer(7443), "TCP port of the edge."),
      SettingKey(
        "edge.serverName", .string, default: .string(""),
        "Name that the edge's certificate must hold. Empty: edge.host."),
      SettingKey(
        "edge.connectSeconds", .number(0.1...60), default: .number(3),
        "Seconds to wait for a connection before the link counts as down."),
      SettingKey(
        "edge.waitHalfLifeSeconds", .number(0.1...86_400),
        default: .number(EdgeEstimator().halfLife),
        "Seconds after which what the edge said of its wait counts half, against the mean of what it said lately. "
          + "Longer than the pause between two utterances makes sense only if its load changes slowly."
      ),
      SettingKey(
        "edge.probes", .boolean, default: .boolean(true),
        "Whether the edge is asked, in some 300 bytes, for a sign of life and its wait when a user begins to speak. "
          + "Only over a radio that makes that cheap (wifi), and never under the policies always-local and budget."
      ),
    ] + CertificateSettings.keys + [
      SettingKey(
        "policy", .choice(PolicyRegistry.names), default: .string(ConfidencePolicy.name),
        "Who decides: always-local never sends anything; always-edge offloads every utterance; "
          + "confidence stops at the first exit that is sure and offloads what none is sure of; deadline "
          + "offloads only what is predicted to be back in time; model-based takes the lowest expected "
          + "cost (costs.yaml); budget does so too, within a day's megabytes or joules; bandit learns "
          + "from its own offloads what link and edge are like."),
      SettingKey(
        "confidence.criterion", .choice(["usual"] + ConfidenceCriterion.allCases.map(\.rawValue)),
        default: .string("usual"),
        "How sure an exit is, for every policy that asks (arXiv 2309.09546): the calibrated probability "
          + "that its transcript is right, which tells best on dev (Benchmarks/results/exit-confidence.svg) "
          + "and needs the model's confidence.json: the usual one, but for model-based, budget and bandit, "
          + "which weigh expected word errors and usually take the posterior of the sentence; the mean entropy of the frames' posteriors; the "
          + "transcript's posterior; its least sure word; or its agreement with the exit before."),
      SettingKey(
        "confidence.offloadAfterExit", .integer(0...64), default: .integer(0),
        "Number of the exit (from 1) after which an utterance that is not confident is offloaded. "
          + "0: the last, so that every exit is tried first."),
      SettingKey(
        "cloudLatencySeconds", .number(0.05...600), default: .number(1.5),
        "Seconds within which the deadline policy wants the edge's answer, nine times in ten; if it is "
          + "not predicted to be back by then, the utterance stays on the device."),
      SettingKey(
        "budget.resource", .choice(Budget.Resource.allCases.map(\.rawValue)),
        default: .string(Budget.Resource.megabytes.rawValue),
        "What the budget policy counts: megabytes (10^6 bytes sent and received, framing included), or "
          + "joules that the radio draws."),
      SettingKey(
        "budget.perDay", .number(0...1_000_000), default: .number(0),
        "Megabytes or joules that the budget policy may spend a day (of UTC); never exceeded. 0: nothing "
          + "is offloaded."),
      SettingKey(
        "bandit.exploration", .number(0...1), default: .number(BanditSettings().exploration),
        "Probability with which the bandit policy offloads an utterance that would have ended otherwise, "
          + "to learn what link and edge are like now. With 0 it may stay local for ever."),
      SettingKey(
        "bandit.memoryUtterances", .number(1...1_000_000),
        default: .number(BanditSettings().memory),
        "Utterances after which what the bandit policy saw counts 1/e."),
      SettingKey(
        "bandit.optimism", .number(0...10), default: .number(BanditSettings().optimism),
        "Standard deviations by which the bandit policy takes an offload that it knows little of for better "
          + "than expected."),
      SettingKey(
        "damping", .choice(DampedChoice.Preset.allCases.map(\.rawValue)),
        default: .string(DampedChoice.Preset.alone.rawValue),
        "How policies that plan choose among actions of nearly the same expected cost: none takes the cheapest; "
          + "alone draws among what differs by a few hundredths of a unit; crowd draws more widely the older the "
          + "edge's word is, for an edge that hundreds of such devices share."),
      SettingKey(
        "speculation", .choice(SpeculationSettings.Mode.allCases.map(\.rawValue)),
        default: .string(SpeculationSettings().mode.rawValue),
        "Whether features leave while the user still speaks: off never; likely when the policy would probably "
          + "offload what was heard so far; worthwhile if, besides, the time that it saves is expected to be worth "
          + "more than the bytes and joules. What was sent is withdrawn when the policy decides otherwise at the end."
      ),
      SettingKey(
        "speculationThreshold", .number(0...1), default: .number(SpeculationSettings().threshold),
        "The least probability of an offload, as the policy sees it, at which features leave while the user "
          + "still speaks."),
      SettingKey(
        "randomSeed", .integer(0...Int(Int32.max)), default: .integer(0),
        "Seed of what policies leave to chance: near ties and exploration. Give every device another one, so "
          + "that they do not all come to the edge at once."),
      SettingKey(
        "offload.splitLayer", .integer(-1...256), default: .integer(-1),
        "Block after which always-edge splits; 0 is before the first block, -1 the lowest layer that "
          + "the edge accepts. The confidence policy splits where it stands."),
      SettingKey(
        "offload.codec", .choice(FeatureCodec.names), default: .string("int8"),
        "How features are written: int8 is four times smaller than float32, which is lossless."),
      SettingKey(
        "offload.packetMilliseconds", .integer(40...10_000), default: .integer(320),
        "Milliseconds of speech a packet."),
      SettingKey(
        "decoding.languageModel", .choice(["none", "device", "edge"]), default: .string("none"),
        "Which of the model's language models the exits' transcripts are searched with; none is greedy search, "
          + "and so is a model without one. Confidences are greedy search's in any case."),
      SettingKey(
        "decoding.lexicon", .string, default: .string(""),
        "Text file with the only words and phrases that the device may recognise, one a line. Empty: any."
      ),
      SettingKey(
        "decoding.beamSize", .integer(1...64), default: .integer(8),
        "Hypotheses that the exits' search keeps, where there is a language model or a lexicon."),
      SettingKey(
        "decoding.paddedWindows", .boolean, default: .boolean(false),
        "Whether a model of Whisper's family always hears 30 s, whatever was said: as its public "
          + "weights were trained, and as dear."),
      SettingKey(
        "decoding.language", .string, default: .string(""),
        "What is spoken, such as en, for a model that knows several languages. Empty: what model.json says."
      ),
      SettingKey(
        "deadlineSeconds", .number(0.05...600), default: .number(2),
        "Seconds from the end of the utterance until the answer must be there."),
      SettingKey(
        "hedge", .boolean, default: .boolean(true),
        "Whether the device keeps its own transcript and answers with it when the edge is late, "
          + "refuses or vanishes. Without it such an utterance has no answer."),
      SettingKey(
        "decisionLog.path", .string, default: .string("decisions.sqlite"),
        "SQLite file with one row an utterance. Empty: no log."),
      SettingKey(
        "decisionLog.storeTranscripts", .boolean, default: .boolean(false),
        "Whether transcripts are stored in the log. Off, no word of what was said is in it."),
      SettingKey(
        "policyMemory", .string, default: .string("policy-memory"),
        "Folder in which budget and bandit keep what they have spent and learnt from one run to the next, "
          + "one file each. Empty: every run starts afresh, with a whole day's budget."),
      SettingKey(
        "utterance.maximumSeconds", .number(1...60), default: .number(30),
        "Longer speech is cut into utterances of at most this many seconds."),
      SettingKey(
        "utterance.endSilenceSeconds", .number(0.1...10), default: .number(0.8),
        "Seconds of silence that end an utterance."),
      SettingKey(
        "utterance.speechAboveNoiseDecibels", .number(1...40), default: .number(9),
        "Decibels above the noise floor that count as speech."),
      SettingKey(
        "utterance.silenceKeptSeconds", .number(0...60), default: .number(0.3),
        "Seconds of silence, or steady noise, kept before and behind what is spoken in an utterance; the rest is neither "
          + "recognized nor sent. 60: everything."),
      SettingKey(
        "deviceClass", .choice(DeviceClass.allCases.map(\.rawValue)),
        default: .string(DeviceClass.laptop.rawValue),
        "What kind of device this is: whose speed and energy (costs.yaml) are assumed."),
      SettingKey(
        "costs", .string, default: .string(""),
        "File with the costs, such as Config/costs.yaml. Empty: the values that stand there."),
      SettingKey(
        "threads", .integer(1...256), default: .integer(1), "Threads that compute the encoder."),
      SettingKey(
        "logLevel", .choice(LogLevel.allCases.map(\.rawValue)), default: .string("warning"),
        "How much is said on standard error. Never a word of a transcript."),
    ]
}
