import ArgumentParser
import Audio
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
      cut at pauses. A file that cannot be read is named, the others go on, and the exit status is 65.

      Every setting is a flag:

      """ + SettingFlags.help(keys: DeviceSettings.keys))

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, text, json }

  @Argument(help: "Audio files.")
  var files: [String] = []

  @Option(
    help:
      "A manifest instead of files: tab-separated, with the columns path and text (the reference).")
  var manifest: String?

  @Option(help: "table, text (transcripts only), or json (one object a line).")
  var format = Format.table

  @Option(
    help:
      "fastest, or real-time: as if the files were spoken, so that the device computes, and sends ahead, meanwhile."
  )
  var pace = FileTranscriber.Pace.fastest

  @OptionGroup var options: SettingsOptions

  private struct Input {
    var path: String
    var reference: String?
  }

  func run() async throws {
    try await reporting {
      let settings = try options.load()
      let inputs = try self.inputs()
      let logger = makeLogger(settings.logLevel)
      let recognizer = try DeviceRecognizer(settings: settings, log: logger)
      let log = openLog(settings, logger)
      let printer = TranscriptPrinter(
        format: format, hasReferences: manifest != nil,
        nameWidth: min(40, inputs.map { ($0.path as NSString).lastPathComponent.count }.max() ?? 10)
      )
      printer.begin()
      let bar = ProgressBar("transcribe", total: inputs.count)
      var errors = WordErrors()
      var failed = 0
      for (number, input) in inputs.enumerated() {
        do {
          var texts: [String] = []
          try await FileTranscriber(recognizer: recognizer, pace: pace).transcribe(
            path: input.path
          ) {
            segment in
            log?.record(
              DecisionRecord(
                segment.recognition, startTime: segment.startTime, policy: settings.policy,
                model: recognizer.model, deviceClass: settings.deviceClass))
            texts.append(segment.recognition.text)
            printer.add(path: input.path, segment: segment, reference: input.reference)
          }
          if let reference = input.reference {
            errors =
              errors + WordErrors(reference: reference, hypothesis: texts.joined(separator: " "))
          }
        } catch let error as AudioError {
          failed += 1
          complain("\(error)")
        } catch let error as RecognitionError {
          failed += 1
          complain("\(input.path): \(error)")
        }
        bar.update(number + 1)
      }
      printer.end(errors: manifest == nil ? nil : errors)
      await recognizer.close()
      await log?.close()
      if let losses = log?.losses, losses.count > 0 {
        complain("\(losses.count) rows of the decision log were lost: \(losses.latestReason ?? "")")
      }
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
      complain("\(error); going on without a decision log")
      return nil
    }
  }

  private func inputs() throws -> [Input] {
    if let manifest {
      guard files.isEmpty else { throw ValidationError("give files or --manifest, not both") }
      return try Manifest(path: manifest).items.map { Input(path: $0.path, reference: $0.text) }
    }
    guard !files.isEmpty else {
      throw ValidationError("no audio files given; see tandem-device transcribe --help")
    }
    return files.map { Input(path: $0) }
  }
}

extension FileTranscriber.Pace: ExpressibleByArgument {}
