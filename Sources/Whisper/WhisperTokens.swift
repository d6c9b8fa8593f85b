import Models

/// The control tokens that Whisper's prompt and decoding need, found by name.
public struct WhisperTokens: Sendable, Equatable {
  public let endOfText: Int
  public let startOfTranscript: Int
  public let translate: Int?
  public let transcribe: Int?
  public let startOfPrevious: Int?
  /// `<|nospeech|>`, in older files `<|nocaptions|>`.
  public let noSpeech: Int?
  public let noTimestamps: Int
  /// The token of each language by its code, such as `en`.
  public let languages: [String: Int]

  /// Times are 0.00, 0.02, … 30.00 s: one token each, this one first.
  public var firstTimestamp: Int { noTimestamps + 1 }
  public static let timestampCount = 1_501

  /// - Throws: `ModelError.badVocabulary` if the tokenizer is not Whisper's; `path` is for the message.
  public init(_ tokenizer: ByteLevelTokenizer, path: String) throws(ModelError) {
    func required(_ name: String) throws(ModelError) -> Int {
      guard let id = tokenizer.control(name) else {
        throw .badVocabulary(
          path: path, reason: "it lacks \(name), so it is not the tokenizer of a Whisper model")
      }
      return id
    }
    endOfText = try required("<|endoftext|>")
    startOfTranscript = try required("<|startoftranscript|>")
    noTimestamps = try required("<|notimestamps|>")
    translate = tokenizer.control("<|translate|>")
    transcribe = tokenizer.control("<|transcribe|>")
    startOfPrevious = tokenizer.control("<|startofprev|>")
    noSpeech = tokenizer.control("<|nospeech|>") ?? tokenizer.control("<|nocaptions|>")
    var languages: [String: Int] = [:]
    for (id, name) in tokenizer.controlNames where name.hasPrefix("<|") && name.hasSuffix("|>") {
      let code = name.dropFirst(2).dropLast(2)
      if (2...3).contains(code.count), code.allSatisfy({ $0.isASCII && $0.isLowercase }) {
        languages[String(code)] = id
      }
    }
    self.languages = languages
  }

  /// What the decoder is given before the first token of the transcript.
  ///
  /// - Parameter language: a code such as `en`; ignored by English-only weights, needed by the others.
  /// - Returns: nil if the weights do not know the language.
  public func prompt(isMultilingual: Bool, language: String?) -> [Int]? {
    guard isMultilingual else { return [startOfTranscript, noTimestamps] }
    guard let language, let token = languages[language], let transcribe else { return nil }
    return [startOfTranscript, token, transcribe, noTimestamps]
  }
}
