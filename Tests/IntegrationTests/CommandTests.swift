import Foundation
import Offload
import Testing

@testable import TandemDevice

@Suite(
  "The commands as a user runs them", .timeLimit(.minutes(10)),
  .enabled(
    if: Programs.built != nil, "tandem-device and tandem-edge are not built: swift build -c release"
  ))
struct CommandTests {
  private let programs: Programs
  private let folder: String
  private let model = TestEdge.modelFolder()

  init() throws {
    programs = try #require(Programs.built)
    folder = try Programs.temporaryFolder()
  }

  private func speech(_ name: String = "speech.wav") throws -> String {
    let path = folder + "/" + name
    try Sound.writeWAV(Sound.bursts(seconds: 1), to: path)
    return path
  }

  private func transcribe(_ arguments: [String]) async throws -> Programs.Outcome {
    try await programs.run(
      "tandem-device", ["transcribe", "--model", model, "--format", "text"] + arguments)
  }

  private func expect(
    _ outcome: Programs.Outcome, status: Int32, says words: [String],
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
    for word in words {
      #expect(
        outcome.errors.contains(word), "\(word) is not in: \(outcome.errors)",
        sourceLocation: location)
    }
  }

  @Test func transcribesHere() async throws {
    let outcome = try await transcribe([try speech(), "--policy", "always-local"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.split(separator: "\n").count == 1)
  }

  @Test("Spoken in real time, a file has the transcript that it has at once")
  func realTime() async throws {
    let path = try speech()
    let fastest = try await transcribe([path, "--policy", "always-local"])
    let began = ContinuousClock.now
    let spoken = try await transcribe([path, "--policy", "always-local", "--pace", "real-time"])
    #expect(began.duration(to: .now) >= .seconds(1))
    #expect(spoken.status == 0, "\(spoken.errors)")
    #expect(spoken.output == fastest.output)
    #expect(!spoken.output.isEmpty)
    let unknown = try await transcribe([path, "--pace", "slow"])
    expect(unknown, status: 64, says: ["slow", "real-time"])
  }

  @Test func anUnknownPolicy() async throws {
    let outcome = try await transcribe([try speech(), "--policy", "always-ege"])
    #expect([64, 78].contains(outcome.status))
    expect(outcome, status: outcome.status, says: ["always-ege", "always-edge", "always-local"])
  }

  @Test func aBadConfigurationKey() async throws {
    let path = folder + "/device.yaml"
    try Data("edge:\n  prot: 7443\n".utf8).write(to: URL(fileURLWithPath: path))
    let outcome = try await transcribe([try speech(), "--config", path])
    expect(outcome, status: 78, says: [path, "edge.prot", "edge.port"])
  }

  @Test func aBadConfigurationValue() async throws {
    expect(
      try await transcribe([try speech(), "--deadline-seconds", "soon"]), status: 78,
      says: ["deadline", "soon"])
    expect(
      try await programs.run("tandem-edge", ["serve", "--port", "70000"]), status: 78,
      says: ["port", "70000"])
  }

  @Test func aMissingConfiguration() async throws {
    expect(
      try await transcribe([try speech(), "--config", "/nowhere/device.yaml"]), status: 66,
      says: ["/nowhere/device.yaml"])
  }

  @Test func aMissingModel() async throws {
    expect(
      try await programs.run(
        "tandem-device", ["transcribe", "--model", "/nowhere/model", try speech()]),
      status: 66, says: ["/nowhere/model/model.json"])
    expect(
      try await programs.run("tandem-edge", ["serve", "--model", "/nowhere/model"]), status: 66,
      says: ["/nowhere/model/model.json"])
  }

  @Test func aTruncatedModel() async throws {
    let damaged = folder + "/damaged"
    try FileManager.default.copyItem(atPath: model, toPath: damaged)
    let weights = URL(fileURLWithPath: damaged + "/device.safetensors")
    let bytes = try Data(contentsOf: weights)
    try bytes.prefix(bytes.count - 1_000).write(to: weights)
    let outcome = try await programs.run(
      "tandem-device", ["transcribe", "--model", damaged, try speech()])
    expect(outcome, status: 65, says: ["device.safetensors", "truncated"])
    expect(
      try await programs.run("tandem-edge", ["serve", "--model", damaged]), status: 65,
      says: ["device.safetensors", "truncated"])
  }

  @Test("A file that is no audio is named, and the others go on")
  func badFiles() async throws {
    let text = folder + "/notes.txt"
    try Data("these are words, not sound\n".utf8).write(to: URL(fileURLWithPath: text))
    let empty = folder + "/empty.wav"
    try Data().write(to: URL(fileURLWithPath: empty))
    let nothing = folder + "/nothing.wav"
    try Sound.writeWAV([], to: nothing)
    let outcome = try await transcribe([
      try speech("first.wav"), text, empty, nothing, "/nowhere/gone.wav", try speech("last.wav"),
      "--policy", "always-local",
    ])
    expect(
      outcome, status: 65,
      says: [
        "notes.txt is not audio", "empty.wav is empty", "nothing.wav has 0 samples",
        "/nowhere/gone.wav cannot be opened",
      ])
    #expect(outcome.output.split(separator: "\n").count == 2, "\(outcome.output)")
  }

  @Test func noFilesAtAll() async throws {
    expect(try await transcribe([]), status: 64, says: ["no audio files"])
  }

  @Test func anUnknownCommandAndFlag() async throws {
    expect(try await programs.run("tandem-device", ["transcrib"]), status: 64, says: ["transcrib"])
    expect(
      try await transcribe([try speech(), "--polcy", "always-local"]), status: 64, says: ["polcy"])
  }

  @Test func anEdgeThatIsNotThere() async throws {
    // A port that was free a moment ago.
    let port = try await TestEdge.run { $0.port }
    let certificates = try TestCertificates.shared.get()
    let outcome = try await transcribe([
      try speech(), "--policy", "always-edge", "--edge-host", "127.0.0.1", "--edge-port", "\(port)",
      "--certificates-certificate", certificates.device.certificatePath,
      "--certificates-private-key", certificates.device.privateKeyPath,
      "--certificates-authority", certificates.authority.certificatePath,
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.split(separator: "\n").count == 1)

    expect(
      try await programs.run(
        "tandem-device",
        [
          "describe", "--model", model, "--edge-host", "127.0.0.1", "--edge-port", "\(port)",
          "--certificates-certificate", certificates.device.certificatePath,
          "--certificates-private-key", certificates.device.privateKeyPath,
          "--certificates-authority", certificates.authority.certificatePath,
        ]), status: 69, says: ["127.0.0.1:\(port)", "nobody listens"])
  }

  @Test("Whatever is wrong with the certificates, recognition goes on; it is said once")
  func certificatesThatCannotBeUsed() async throws {
    let certificates = try TestCertificates.shared.get()
    let text = folder + "/text.pem"
    try Data("no certificate\n".utf8).write(to: URL(fileURLWithPath: text))
    let expected = try await transcribe([try speech(), "--policy", "always-local"]).output
    let future = try certificates.authority.issue(
      .init(
        use: .device, commonName: "tomorrow", validFrom: Date(timeIntervalSinceNow: 86_400), days: 2
      ),
      intoFolder: folder)
    for (certificate, key, authority, word) in [
      ("/nowhere/c.pem", "/nowhere/c.key", "", "/nowhere/c.pem"),
      (
        certificates.expiredDevice.certificatePath, certificates.expiredDevice.privateKeyPath, "",
        "expired on"
      ),
      (future.certificatePath, future.privateKeyPath, "", "not valid before"),
      (
        certificates.device.certificatePath, certificates.expiredDevice.privateKeyPath, "",
        "does not belong"
      ),
      (text, certificates.device.privateKeyPath, "", text),
      (folder, certificates.device.privateKeyPath, "", "no regular file"),
      (certificates.device.certificatePath, "", "", "go together"),
      (
        certificates.device.certificatePath, certificates.device.privateKeyPath,
        "/nowhere/ca.pem", "/nowhere/ca.pem"
      ),
    ] {
      let edge = [
        "--edge-host", "127.0.0.1", "--certificates-certificate", certificate,
        "--certificates-private-key", key, "--certificates-authority", authority,
      ]
      for policy in ["always-local", "always-edge", "confidence"] {
        let outcome = try await transcribe(
          [try speech("a.wav"), try speech("b.wav"), "--policy", policy] + edge)
        #expect(outcome.status == 0, "\(word), \(policy): \(outcome.errors)")
        #expect(outcome.output == expected + expected, "\(word), \(policy)")
        let said = outcome.errors.components(separatedBy: word).count - 1
        #expect(said == (policy == "always-local" ? 0 : 1), "\(word), \(policy): \(outcome.errors)")
      }
      // A command about the edge fails.
      expect(
        try await programs.run("tandem-device", ["describe", "--model", model] + edge), status: 78,
        says: [word])
    }
  }

  private func serve(port: Int) throws -> Programs.Running {
    let certificates = try TestCertificates.shared.get()
    return try programs.start(
      "tandem-edge",
      [
        "serve", "--model", model, "--port", "\(port)", "--port-file", folder + "/port",
        "--certificates-certificate", certificates.edge.certificatePath,
        "--certificates-private-key", certificates.edge.privateKeyPath,
        "--certificates-authority", certificates.authority.certificatePath,
      ])
  }

  private func ready(_ edge: Programs.Running) async throws -> Int {
    var port = 0
    try await TestEdge.eventually("the edge is ready") {
      let text = (try? String(contentsOfFile: folder + "/port", encoding: .utf8)) ?? ""
      port = Int(text.trimmingCharacters(in: .newlines)) ?? 0
      return port > 0 || !edge.process.isRunning
    }
    #expect(port > 0, "\(edge.errors)")
    return port
  }

  @Test("An edge that freezes costs a deadline or two, not one an utterance, and is found again")
  func frozenEdge() async throws {
    let edge = try serve(port: 0)
    let port = try await ready(edge)
    defer { kill(edge.process.processIdentifier, SIGKILL) }
    let link = try TestEdge.link(port: port, connectTimeout: .seconds(1))
    let device = try TestEdge.device(link) { $0.deadline = 4 }
    let samples = Sound.bursts(seconds: 1)
    try await TestEdge.eventually("the edge answers") {
      try await device.recognize(samples).origin == .edge
    }
    // Its connections stay open and nothing comes, as when a cable is pulled.
    kill(edge.process.processIdentifier, SIGSTOP)
    let first = try await device.recognize(samples)
    #expect(first.failure == .deadline, "\(first.reason)")
    var second = try await device.recognize(samples)
    if second.failure == .deadline {
      // The freeze fell between Accepted and the answer: one more is needed to tell it from a slow edge.
      second = try await device.recognize(samples)
    }
    #expect(second.failure == nil, "\(second.reason)")
    #expect(second.decisions.last?.reason == .linkDown)
    #expect(second.text == first.text)
    kill(edge.process.processIdentifier, SIGCONT)
    try await TestEdge.eventually("the edge is found again", within: .seconds(60)) {
      try await device.recognize(samples).origin == .edge
    }
    await device.close()
  }

  @Test("When a user begins to speak the device learns whether the edge is there, and counts it")
  func signOfLife() async throws {
    let edge = try serve(port: 0)
    let port = try await ready(edge)
    defer { kill(edge.process.processIdentifier, SIGKILL) }
    let link = try TestEdge.link(port: port, connectTimeout: .seconds(2))
    let samples = Sound.bursts(seconds: 1)
    // Every word is wrong on the device and right at the edge: whoever is not silent is asked.
    func calibration(_ wrong: Double) -> Calibration {
      Calibration(
        entries: (1...2).map {
          CalibrationEntry(
            exit: $0, afterBlock: $0, criterion: .sentencePosterior, threshold: nil,
            errorRate: .init(steps: [.init(limit: 0, errorRate: wrong)]),
            nextExitErrorRate: .init(steps: [.init(limit: 0, errorRate: wrong)]),
            edgeErrorRate: .init(steps: [.init(limit: 0, errorRate: 0)]))
        })
    }
    func device(
      _ policy: String = "model-based", wrong: Double = 1,
      _ change: (inout DeviceRecognizer.Configuration) -> Void = { _ in }
    ) throws -> DeviceRecognizer {
      var configuration = DeviceRecognizer.Configuration()
      configuration.deadline = 60
      configuration.speculation.mode = .off
      change(&configuration)
      return try DeviceRecognizer(
        model: TestEdge.model(), policyName: policy, calibration: calibration(wrong), link: link,
        configuration: configuration, log: LogCapture().logger)
    }

    // The first utterance makes the connection, and asks as soon as it stands.
    let first = await try device().begin()
    #expect(await first.machinery.probe != nil)
    // Another one that begins meanwhile does not ask again.
    let second = await try device().begin()
    #expect(await second.machinery.probe == nil)
    try await TestEdge.eventually("the edge has told its wait") { link.edgeEstimate.age != nil }
    #expect(link.linkEstimate.connectivity == .connected)
    try await first.append(samples)
    let recognition = try await first.finish()
    #expect(recognition.origin == .edge, "\(recognition.reason)")
    await second.cancel()
    // What it cost is counted, even where nothing else is sent.
    let heard = link.time - (try #require(link.edgeEstimate.age))
    let local = await try device(wrong: 0).begin()
    try await local.append(samples)
    try await TestEdge.eventually("it is answered") {
      link.time - (link.edgeEstimate.age ?? .infinity) > heard + 1e-3
    }
    let asked = try await local.finish()
    #expect(asked.failure == nil, "\(asked.reason)")
    #expect((20...2_000).contains(asked.bytesSent), "\(asked.bytesSent)")
    #expect((20...2_000).contains(asked.bytesReceived), "\(asked.bytesReceived)")
    #expect(asked.transferSeconds > 0)
    #expect(asked.actualCost.bytes >= Double(asked.bytesSent + asked.bytesReceived))

    // Who must not ask, or was told not to, does not.
    for quiet in [
      try device("always-local"), try device("budget"), try device { $0.probes = false },
      try device { $0.deviceClass = .phone },
    ] {
      let utterance = await quiet.begin()
      #expect(await utterance.machinery.probe == nil, "\(quiet.policy.name)")
      await utterance.cancel()
    }

    kill(edge.process.processIdentifier, SIGSTOP)
    let before = try #require(link.edgeEstimate.age)
    let third = await try device().begin()
    #expect(await third.machinery.probe != nil)
    try await TestEdge.eventually("silence is known of", within: .seconds(10)) {
      (link.linkEstimate.silence ?? 0) > 0.9 || link.linkEstimate.connectivity == .disconnected
    }
    try await third.append(samples)
    let alone = try await third.finish()
    // Known before the end: no deadline was waited for.
    #expect(alone.failure == nil, "\(alone.reason)")
    #expect(alone.decisions.last?.action.isOffload == false)
    try await TestEdge.eventually("the connection is given up") {
      link.linkEstimate.connectivity == .disconnected
    }
    #expect(try #require(link.edgeEstimate.age) > before)

    // Its end is not waited for when the device is closed, and an edge that wakes up is found again.
    kill(edge.process.processIdentifier, SIGCONT)
    try await TestEdge.eventually("the edge is found again", within: .seconds(60)) {
      let utterance = await try device().begin()
      defer { Task { await utterance.cancel() } }
      try await Task.sleep(for: .milliseconds(100))
      return link.linkEstimate.connectivity == .connected
        && (link.edgeEstimate.age ?? .infinity) < 1
    }
    await link.close()
  }

  @Test("What a frozen edge never acknowledged teaches the link that nothing gets through")
  func stall() async throws {
    let edge = try serve(port: 0)
    let port = try await ready(edge)
    defer { kill(edge.process.processIdentifier, SIGKILL) }
    // Remembered for as long as a machine that runs all tests at once may need to come back to it.
    let link = try TestEdge.link(
      port: port,
      linkEstimator: LinkEstimator(settings: .init(memory: 3_600, stallMemory: 3_600)))
    _ = try await link.describe()
    kill(edge.process.processIdentifier, SIGSTOP)
    let request = try TestUtterance.request()
    let (pieces, feed) = AsyncStream.makeStream(of: OffloadPiece.self)
    feed.yield(.features(request.features))
    let progress = OffloadProgress()
    let asking = Task {
      try await link.recognize(request.header, pieces: pieces, progress: progress)
    }
    try await TestEdge.eventually("packets stay unacknowledged for a second") {
      progress.shown(at: link.time).stall != nil
    }
    #expect(link.linkEstimate.bandwidth == nil)
    asking.cancel()
    await #expect(throws: OffloadFailure.self) { _ = try await asking.value }
    #expect(link.linkEstimate.bandwidth?.median == 0)
    await link.close()
  }

  @Test("A port in use is named; an edge that is told to stop ends with 0")
  func portInUseAndStop() async throws {
    let first = try serve(port: 0)
    let port = try await ready(first)
    let second = try serve(port: port)
    try await TestEdge.eventually("the second gives up") { !second.process.isRunning }
    if second.process.isRunning { second.process.terminate() }
    #expect(second.process.terminationStatus == 69)
    #expect(second.errors.contains("127.0.0.1:\(port)"), "\(second.errors)")
    #expect(try await first.stop() == 0)
  }

  @Test("A recorded utterance is what the edge answers")
  func recordsPackets() async throws {
    let output = folder + "/utterance.packets"
    let outcome = try await programs.run(
      "tandem-device",
      [
        "record-packets", try speech(), "--model", model, "--split-layer", "1", "--codec", "int8",
        "--beam-size", "4", "--output", output,  // as the edge in this test searches
      ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let expectation =
      try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: folder + "/utterance.json"))) as? [String: Any]
    let transcript = try #require(expectation?["transcript"] as? String)
    #expect(expectation?["split_layer"] as? Int == 1)
    #expect(expectation?["codec"] as? String == "int8")

    let packets = try Recorded.packets(Data(contentsOf: URL(fileURLWithPath: output)))
    #expect(packets[0].start.utteranceID == Data(count: 16))
    try await TestEdge.run { server in
      #expect(
        expectation?["model_fingerprint"] as? String == server.model.fingerprint)
      try await TestEdge.withClient(server) { client in
        let text = try await RefusalTests.send(packets, client)
        #expect(text == transcript)
      }
    }
  }

  @Test("An hour of sound is transcribed in bounded memory")
  func anHour() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/hour.wav"
    // Ten seconds of noise and pauses, 360 times; 115 MB.
    try Sound.writeWAV(Sound.bursts(seconds: 10), repeats: 360, to: path)
    let outcome = try await programs.run(
      "tandem-device",
      [
        "transcribe", "--model", model, "--format", "json", "--policy", "always-local",
        "--decision-log-path", folder + "/decisions.sqlite", path,
      ], limit: 500)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    print("an hour: \(lines.count) utterances, at most \(outcome.peakKibibytes) KiB")
    #expect(lines.count >= 120, "no utterance is longer than thirty seconds")
    // The samples alone would be 230 MB.
    #expect(outcome.peakKibibytes > 0)
    #expect(outcome.peakKibibytes < 200_000)
  }
}
