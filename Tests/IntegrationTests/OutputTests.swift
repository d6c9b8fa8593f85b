import Foundation
import Testing

@Suite(
  "Output that is full, closed, gone or slow", .timeLimit(.minutes(10)),
  .enabled(if: Programs.built != nil, "the commands are not built: swift build -c release"))
struct OutputTests {
  private let programs: Programs
  private let folder: String
  /// A command line up to its files.
  private let device: String

  init() throws {
    programs = try #require(Programs.built)
    folder = try Programs.temporaryFolder()
    for name in ["a.wav", "b.wav", "c.wav"] {
      try Sound.writeWAV(Sound.bursts(seconds: 1), to: folder + "/" + name)
    }
    device =
      "cd \(folder) && $B/tandem-device transcribe --model \(TestEdge.modelFolder()) "
      + "--policy always-local --format text"
  }

  @Test("Transcripts that cannot be written end the command with 74")
  func fullAndClosed() async throws {
    for redirection in [">/dev/full", ">&-"] {
      let outcome = try await programs.shell("\(device) a.wav b.wav \(redirection)")
      #expect(outcome.status == 74, "\(redirection): \(outcome.errors)")
      #expect(outcome.errors.contains("standard output cannot be written"), "\(outcome.errors)")
    }
  }

  @Test(
    "Every program notices",
    arguments: [
      "tandem-device --help", "tandem-device --version", "tandem-edge --version",
      "tandem-evaluate --help", "tandem-simulate --version",
      "tandem-device transcribe --print-config", "tandem-edge serve --print-config",
      "tandem-edge certificates init --folder ca-full",
    ])
  func everyProgram(command: String) async throws {
    let full = try await programs.shell("cd \(folder) && $B/\(command) >/dev/full")
    #expect(full.status == 74, "\(full.errors)")
    let fine = try await programs.shell(
      "cd \(folder) && $B/\(command) --overwrite || $B/\(command)")
    #expect(fine.output.isEmpty == false)
  }

  @Test("A reader that goes away stops the work at once and quietly, and nothing logged is lost")
  func readerGone() async throws {
    let names = (0..<10).map { "f\($0).wav" }
    for name in names {
      try FileManager.default.copyItem(atPath: folder + "/a.wav", toPath: folder + "/" + name)
    }
    let outcome = try await programs.shell(
      "(\(device) --pace real-time --decision-log-path log.sqlite \(names.joined(separator: " ")); "
        + "echo $? >status) "
        + "| head -1")
    #expect(outcome.output.split(separator: "\n").count == 1)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    let status = try String(contentsOfFile: folder + "/status", encoding: .utf8)
    #expect(status == "74\n")
    let summary = try await programs.shell(
      "$B/tandem-device decisions list --decision-log-path \(folder)/log.sqlite | wc -l")
    let rows = (Int(summary.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) - 1
    #expect((1...5).contains(rows), "\(rows) of 10 were recognized, for nobody")
  }

  @Test("Complaints that cannot be written cost nothing else")
  func standardError() async throws {
    for redirection in ["2>/dev/full", "2>&-", "2> >(exec true)"] {
      let outcome = try await programs.shell(
        "\(device) --decision-log-path log.sqlite nowhere.wav a.wav nowhere.wav b.wav \(redirection)"
      )
      #expect(outcome.status == 65, "\(redirection)")
      #expect(outcome.output.split(separator: "\n").count == 2, "\(redirection)")
    }
    // A closed standard error is not the log's file.
    let check = try await programs.shell(
      "$B/tandem-device decisions summary --decision-log-path \(folder)/log.sqlite")
    #expect(check.status == 0, "\(check.errors)")
    #expect(check.output.contains("utterances    6"), "\(check.output)")
  }

  @Test("A slow reader gets everything, through a pipe that does not block too")
  func slowReader() async throws {
    let outcome = try await programs.shell(
      "\(device) a.wav b.wav c.wav | (sleep 1; cat)")
    #expect(outcome.output.split(separator: "\n").count == 3)
    let nonBlocking = try await programs.shell(
      """
      cd \(folder) && $B/tandem-device transcribe --help >whole
      python3 -c 'import os, fcntl, subprocess, sys, time
      r, w = os.pipe()
      fcntl.fcntl(w, fcntl.F_SETFL, fcntl.fcntl(w, fcntl.F_GETFL) | os.O_NONBLOCK)
      fcntl.fcntl(w, 1031, 4096)
      p = subprocess.Popen([sys.argv[1] + "/tandem-device", "transcribe", "--help"], stdout=w)
      os.close(w); time.sleep(0.5); out = b""
      while True:
          part = os.read(r, 1000)
          if not part: break
          out += part
      sys.exit(0 if p.wait() == 0 and out == open("whole", "rb").read() else 1)' $B
      """)
    #expect(nonBlocking.status == 0, "\(nonBlocking.errors)")
  }

  @Test("Files that cannot be written are found before the work, with 73")
  func files() async throws {
    for command in [
      "tandem-device decisions summary --decision-log-path none.sqlite --html /nowhere/log.html",
      "tandem-evaluate profile --manifest m.tsv --output /nowhere/x",
      "tandem-evaluate fit-confidence --manifest m.tsv --svg /nowhere/x.svg",
      "tandem-simulate fleet s.yaml --profile p --report /proc/nowhere",
      "tandem-simulate targets --profile p --report /proc/nowhere",
      "tandem-edge serve --port-file /nowhere/port",
      "tandem-device record-packets a.wav --output /nowhere/x.packets",
    ] {
      let outcome = try await programs.shell("cd \(folder) && $B/\(command)")
      #expect(outcome.status == 73, "\(command): \(outcome.status), \(outcome.errors)")
      #expect(outcome.errors.contains("cannot be written"), "\(outcome.errors)")
    }
  }
}

@Suite(
  "Command lines as people write them", .timeLimit(.minutes(10)),
  .enabled(if: Programs.built != nil, "the commands are not built: swift build -c release"))
struct CommandLineTests {
  private let programs: Programs
  private let folder: String

  init() throws {
    programs = try #require(Programs.built)
    folder = try Programs.temporaryFolder()
  }

  @Test(
    "What is wrong is named, and nothing is done",
    arguments: [
      ("tandem-device transcribe -dash.wav", 64, "./-dash.wav"),
      ("tandem-device transcribe --decision-log-path --format json a.wav", 64, "decisionLog.path"),
      ("tandem-device decisions list --origin nowhere", 64, "nowhere"),
      ("tandem-device decisions list --by-policy always-ege", 64, "always-ege"),
      ("tandem-device decisions list --limit 0", 64, "--limit"),
      ("tandem-device decisions replay --format xml", 64, "xml"),
      ("tandem-device decisions export --format xml", 64, "xml"),
      ("tandem-device transcribe --manifest nowhere.tsv", 66, "nowhere.tsv"),
      ("tandem-device transcribe --manifest empty.tsv", 65, "empty.tsv"),
      ("tandem-device transcribe --model= a.wav", 78, "model"),
      ("tandem-edge certificates init --folder ''", 64, "--folder"),
      ("tandem-edge certificates issue --folder '' --use device --name a", 64, "--folder"),
      (
        "tandem-edge certificates issue --folder ca --use device --name a --valid-from-days-ago 9223372036854775807",
        64, "--valid-from-days-ago"
      ),
      (
        "tandem-edge certificates issue --folder ca --use device --name a --days 9223372036854775807",
        78, "9223372036854775807"
      ),
      ("tandem-edge certificates issue --folder ca --use watch --name a", 64, "watch"),
      ("tandem-simulate fleet s.yaml --profile p --report ''", 64, "--report"),
      ("tandem-simulate fleet s.yaml --profile p --report r", 66, "s.yaml"),
      ("tandem-simulate speed --profile p --policy always-ege", 64, "always-ege"),
      ("tandem-evaluate wer --manifest nowhere.tsv", 66, "nowhere.tsv"),
      ("tandem-evaluate wer --manifest '' ", 64, "--manifest"),
      ("tandem-evaluate wer --manifest m.tsv --limit -9223372036854775808", 64, "--limit"),
      (
        "tandem-evaluate fit-thresholds --manifest m.tsv --offload-price nan", 64, "--offload-price"
      ),
    ])
  func refused(command: String, status: Int32, word: String) async throws {
    try Data().write(to: URL(fileURLWithPath: folder + "/empty.tsv"))
    let outcome = try await programs.shell("cd \(folder) && $B/\(command)")
    #expect(outcome.status == status, "\(outcome.errors)")
    #expect(outcome.errors.contains(word), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }

  @Test(arguments: ["tandem-device", "tandem-edge", "tandem-evaluate", "tandem-simulate"])
  func version(program: String) async throws {
    let outcome = try await programs.run(program, ["--version"])
    #expect(outcome.status == 0)
    #expect(outcome.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil, "\(outcome.output)")
  }

  @Test("The orchestrator's variables do not stop an edge called tandem-edge")
  func orchestrator() async throws {
    let outcome = try await programs.shell(
      "$B/tandem-edge serve --print-config",
      environment: [
        "TANDEM_EDGE_PORT": "tcp://10.0.0.1:7443", "TANDEM_EDGE_SERVICE_HOST": "10.0.0.1",
        "TANDEM_EDGE_PORT_7443_TCP_ADDR": "10.0.0.1",
      ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("port: 7443  # default"), "\(outcome.output)")
  }

  @Test("Standard input, lists from Windows and names that are no text are read")
  func inputs() async throws {
    try Sound.writeWAV(Sound.bursts(seconds: 1), to: folder + "/a.wav")
    try Data("\u{FEFF}path\ttext\r\na.wav\tdon’t\r\n".utf8).write(
      to: URL(fileURLWithPath: folder + "/m.tsv"))
    let device =
      "$B/tandem-device transcribe --model \(TestEdge.modelFolder()) --policy always-local --format"
    let outcome = try await programs.shell(
      "cd \(folder) && cp a.wav $'caf\\xe9.wav' && \(device) text a.wav >1 && cat a.wav | \(device) text - >2"
        + " && \(device) text $'caf\\xe9.wav' >3 && \(device) text --manifest m.tsv >4"
        + " && cmp 1 2 && cmp 1 3 && cmp 1 4 && \(device) json $'caf\\xe9.wav'")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("caf\u{FFFD}.wav"), "\(outcome.output)")
  }

  @Test("Part of a recording is given, and the rest is said to be missing, with 65")
  func partOfARecording() async throws {
    try Sound.writeWAV(Sound.bursts(seconds: 2), to: folder + "/a.wav")
    let outcome = try await programs.shell(
      "cd \(folder) && head -c 40000 a.wav >half.wav && $B/tandem-device transcribe "
        + "--model \(TestEdge.modelFolder()) --policy always-local --format text half.wav a.wav")
    #expect(outcome.status == 65)
    #expect(outcome.output.split(separator: "\n").count == 2)
    #expect(outcome.errors.contains("half.wav is not complete"), "\(outcome.errors)")
    #expect(outcome.errors.contains("missing"), "\(outcome.errors)")
  }
}
