import Foundation
import Offload
import Testing

@Suite(
  "What policies remember when their process is killed", .timeLimit(.minutes(10)),
  .enabled(
    if: Programs.built != nil, "tandem-device and tandem-edge are not built: swift build -c release"
  ))
struct PolicyMemoryCommandTests {
  private let programs: Programs
  private let folder: String
  private let model: String
  private let speech: String

  init() throws {
    programs = try #require(Programs.built)
    folder = try Programs.temporaryFolder()
    // The tiny model, with a calibration by which an offload always pays.
    model = folder + "/model"
    try FileManager.default.copyItem(atPath: TestEdge.modelFolder(), toPath: model)
    let calibration = Calibration(
      entries: (1...2).map { exit in
        CalibrationEntry(
          exit: exit, afterBlock: 2 * exit, criterion: .sentencePosterior, threshold: 0.99,
          errorRate: ErrorRateCurve(steps: [.init(limit: 0, errorRate: 0.9)]),
          nextExitErrorRate: ErrorRateCurve(steps: [.init(limit: 0, errorRate: 0.9)]),
          edgeErrorRate: ErrorRateCurve(steps: [.init(limit: 0, errorRate: 0.01)]))
      })
    try calibration.json().write(to: URL(fileURLWithPath: model + "/" + Calibration.fileName))
    speech = folder + "/speech.wav"
    try Sound.writeWAV(Sound.bursts(seconds: 1), to: speech)
  }

  private func arguments(_ hole: BlackHole, memory: String, perDay: Double, deadline: Double)
    -> [String]
  {
    [
      "transcribe", speech, "--format", "json", "--model", model, "--policy", "budget",
      "--budget-per-day", "\(perDay)", "--policy-memory", folder + "/" + memory,
      "--edge-host", "127.0.0.1", "--edge-port", "\(hole.port)", "--edge-connect-seconds", "60",
      "--deadline-seconds", "\(deadline)",
    ]
  }

  private struct Memory: Decodable {
    struct State: Decodable { var ledger: Ledger }
    struct Ledger: Decodable {
      var spent: Double
      /// Ids and amounts in turn.
      var reservations: [Reservation]
    }
    enum Reservation: Decodable {
      case utterance(UInt64)
      case amount(Double)

      private enum CodingKeys: CodingKey { case amount }

      init(from decoder: any Decoder) throws {
        if let number = try? decoder.singleValueContainer().decode(UInt64.self) {
          self = .utterance(number)
        } else {
          self = .amount(
            try decoder.container(keyedBy: CodingKeys.self).decode(Double.self, forKey: .amount))
        }
      }
    }
    var state: State
    var reserved: Double {
      state.ledger.reservations.reduce(0) { sum, item in
        if case .amount(let amount) = item { sum + amount } else { sum }
      }
    }
  }

  private func memory(_ name: String) throws -> Memory {
    let text = try String(
      contentsOfFile: folder + "/" + name + "/budget-megabytes.memory", encoding: .utf8)
    let json = text.drop { $0 != "\n" }
    return try JSONDecoder().decode(Memory.self, from: Data(json.utf8))
  }

  /// Starts an offload to an edge that never says a word, and kills the device once it has reserved.
  private func killed(_ hole: BlackHole, memory name: String, perDay: Double) async throws -> Double
  {
    let running = try programs.start(
      "tandem-device", arguments(hole, memory: name, perDay: perDay, deadline: 500))
    try await TestEdge.eventually("a reservation in \(name)", within: .seconds(120)) {
      guard running.process.isRunning else { return true }
      return ((try? memory(name))?.reserved ?? 0) > 0
    }
    #expect(running.process.isRunning, "\(running.errors)")
    kill(running.process.processIdentifier, SIGKILL)
    while running.process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
    #expect(running.process.terminationReason == .uncaughtSignal)
    return try memory(name).reserved
  }

  @Test func aKilledDeviceHasSpentWhatItHadReserved() async throws {
    let hole = try BlackHole()
    let amount = try await killed(hole, memory: "probe", perDay: 1)
    #expect(amount > 0)
    // Room for one offload and a half.
    let perDay = amount * 1.5
    #expect(try await killed(hole, memory: "memory", perDay: perDay) == amount)
    let next = try await programs.run(
      "tandem-device", arguments(hole, memory: "memory", perDay: perDay, deadline: 3))
    #expect(next.status == 0, "\(next.errors)")
    #expect(next.output.contains("of the day's budget"), "\(next.output)")
    #expect(!next.output.contains("\"origin\":\"edge\""))
    #expect(try memory("memory").reserved + memory("memory").state.ledger.spent >= amount)
    // Without the memory it would have offloaded again.
    let fresh = try await programs.run(
      "tandem-device", arguments(hole, memory: "fresh", perDay: perDay, deadline: 3))
    #expect(!fresh.output.contains("of the day's budget"), "\(fresh.output)")
  }

  @Test func aDamagedMemoryIsToldAndSpendsNothing() async throws {
    let hole = try BlackHole()
    try FileManager.default.createDirectory(
      atPath: folder + "/damaged", withIntermediateDirectories: true)
    try Data("torn".utf8).write(
      to: URL(fileURLWithPath: folder + "/damaged/budget-megabytes.memory"))
    let outcome = try await programs.run(
      "tandem-device", arguments(hole, memory: "damaged", perDay: 1, deadline: 3))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("takes today's budget for spent"))
    #expect(outcome.output.contains("of the day's budget"), "\(outcome.output)")
  }

  @Test func aFullDiskCostsWhatWasLearntAndNothingElse() async throws {
    let memory = folder + "/full"
    try FileManager.default.createDirectory(atPath: memory, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: memory + "/bandit.memory.new", withDestinationPath: "/dev/full")
    let outcome = try await programs.run(
      "tandem-device",
      [
        "transcribe", speech, "--format", "json", "--model", model, "--policy", "bandit",
        "--policy-memory", memory,
      ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.split(separator: "\n").count == 1)
    #expect(outcome.errors.contains("No space left on device"), "\(outcome.errors)")
    #expect(outcome.errors.contains("could not be written 1 times"), "\(outcome.errors)")
  }
}
