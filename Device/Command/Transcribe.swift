import ArgumentParser
import Audio
import Commands
import DecisionLog
import Evaluation
import Foundation
import Logging
import Settings
import TandemDevice

struct Transcribe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Recognise audio files.",
    discussion: """
      Reads WAV, FLAC, Ogg Opus, Ogg Vorbis and MP3 at any rate, mono or more channels; long files are
      cut at pauses. A file that cannot be read, or not all of it, is named, the others go on, and the exit status is
      65. Transcripts that cannot be written end the command with the status 74.

      Every setting is a flag:

      """ + SettingFlags.help(keys: DeviceSettings.keys))

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, text, json }

  @Argument(help: "Audio files.")
  var files: [PathArgument] = []

  @Option(
    help:
      "A manifest instead of files: tab-separated, with the columns path and text (the reference).")
  var manifest: PathArgument?

  @Option(help: "table, text (transcripts only), or json (one object a line).")
  var format = Format.table

  @Option(
    help:
      "fastest, or real-time: as if the files were spoken, so that the device computes, and sends ahead, meanwhile."
  )
  var pace = FileTranscriber.Pace.fastest

  @OptionGroup var options: DeviceOptions

  private struct Input {
    var path: String
    var reference: String?
  }

  func run() async throws {
    try await program.reporting {
      let settings = try options.load()
      let inputs = try self.inputs()
      let logger = program.makeLogger(settings.logLevel)
      let recognizer = try DeviceRecognizer(settings: settings, log: logger)
      let log = openLog(settings, logger)
      let printer = TranscriptPrinter(
        format: format, hasReferences: manifest != nil,
        nameWidth: min(40, inputs.map { ($0.path as NSString).lastPathComponent.count }.max() ?? 10)
      )
      let bar = ProgressBar("transcribe", total: inputs.count)
      var errors = WordErrors()
      var failed = 0
      var ending: (any Error)?
      do {
        try printer.begin()
        for (number, input) in inputs.enumerated() {
          var texts: [String] = []
          do {
            try await FileTranscriber(recognizer: recognizer, pace: pace).transcribe(
              path: input.path
            ) { segment in
              log?.record(
                DecisionRecord(
                  segment.recognition, startTime: segment.startTime, policy: settings.policy,
                  model: recognizer.model, deviceClass: settings.deviceClass))
              texts.append(segment.recognition.text)
              try printer.add(path: input.path, segment: segment, reference: input.reference)
            }
          } catch let error as AudioError {
            failed += 1
            program.complain("\(error)")
          } catch let error as RecognitionError {
            failed += 1
            program.complain("\(input.path): \(error)")
          }
          if let reference = input.reference, !texts.isEmpty {
            errors =
              errors + WordErrors(reference: reference, hypothesis: texts.joined(separator: " "))
          }
          bar.update(number + 1)
        }
        try printer.end(errors: manifest == nil ? nil : errors)
      } catch {
        // What was decided so far is still logged and remembered.
        ending = error
      }
      await recognizer.close()
      await log?.close()
      if let memory = recognizer.policy as? any MemoryKeeper {
        await memory.flush()
        let losses = memory.losses
        if losses.count > 0 {
          program.complain(
            "what the policy \(memory.name) learnt could not be written \(losses.count) times: "
              + (losses.latestReason ?? ""))
        }
      }
      if let losses = log?.losses, losses.count > 0 {
        program.complain(
          "\(losses.count) rows of the decision log were lost: \(losses.latestReason ?? "")")
      }
      if let ending { throw ending }
      if failed > 0 { throw ExitCode(ExitStatus.data.rawValue) }
    }
  }

  /// Recognition comes first: a log that cannot be opened is reported, and nothing is logged.
  private func openLog(_ settings: DeviceSettings, _ logger: Logger) -> DecisionLog? {
    guard let path = settings.decisionLog else { return nil }
    do {
      return try DecisionLog(path: path, storeTranscripts: settings.storeTranscripts) { loss in
        logger.error(
          "decision log: rows lost",
          metadata: ["count": "\(loss.count)", "why": "\(loss.latestReason ?? "unknown")"])
      }
    } catch {
      program.complain("\(error); going on without a decision log")
      return nil
    }
  }

  private func inputs() throws -> [Input] {
    if let manifest {
      guard files.isEmpty else { throw ValidationError("give files or --manifest, not both") }
      return try Manifest(path: manifest.path).items.map {
        Input(path: $0.path, reference: $0.text)
      }
    }
    guard !files.isEmpty else {
      throw ValidationError("no audio files given; see tandem-device transcribe --help")
    }
    return files.map { Input(path: $0.path) }
  }
}

extension FileTranscriber.Pace: ExpressibleByArgument {}
