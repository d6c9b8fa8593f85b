import Basics
import Conformer
import FeatureCodec
import Foundation
import GRPCCore
import Logging
import Offload
import SecureTransport
import Synchronization
import TandemProtocol

/// What the device asks of the edge for one utterance.
public struct OffloadRequest: Sendable {
  public var splitLayer: Int
  public var codec: FeatureCodec
  /// `[n, dimension]`.
  public var features: [Float]
  public var dimension: Int
  public var framesPerPacket: Int
  public var modelFingerprint: [UInt8]
  public var utteranceID: [UInt8]
  /// Seconds from now.
  public var deadline: Double
  /// What a budget lets the stream send and receive on the wire; nil: as much as it takes.
  public var grantedBytes: Double?

  init(
    splitLayer: Int, codec: FeatureCodec, features: [Float], dimension: Int, framesPerPacket: Int,
    modelFingerprint: [UInt8], utteranceID: [UInt8], deadline: Double,
    grantedBytes: Double? = nil
  ) {
    self.grantedBytes = grantedBytes
    self.splitLayer = splitLayer
    self.codec = codec
    self.features = features
    self.dimension = dimension
    self.framesPerPacket = framesPerPacket
    self.modelFingerprint = modelFingerprint
    self.utteranceID = utteranceID
    self.deadline = deadline
  }

  /// - Parameters:
  ///   - features: `[n, dimension]` of `splitLayer`, as `UtteranceEncoder.frames(at:)` gives them.
  ///   - packetDuration: seconds of features in a packet.
  ///   - utteranceID: 16 bytes; nil: random ones.
  ///   - deadline: seconds that the edge may take.
  public init(
    model: Model, splitLayer: Int, codec: FeatureCodec, features: [Float],
    packetDuration: Double = 0.32, utteranceID: [UInt8]? = nil, deadline: Double
  ) {
    self.init(
      splitLayer: splitLayer, codec: codec, features: features, dimension: model.dimension,
      framesPerPacket: Packetiser.framesPerPacket(
        duration: packetDuration, framesPerSecond: model.framesPerSecond),
      modelFingerprint: [UInt8](hexadecimal: model.fingerprint),
      utteranceID: utteranceID
        ?? (0..<ProtocolLimits.utteranceIDBytes).map { _ in .random(in: 0...255) },
      deadline: deadline)
  }
}

/// What the edge answered, with what it cost to ask.
public struct OffloadAnswer: Sendable {
  public var text: String
  /// ln P(tokens) / (tokens + 1).
  public var confidence: Double
  public var serverQueueSeconds: Double
  public var serverComputeSeconds: Double
  public var decoder: String
}

/// Why the edge gave no answer, in a form that the log can count.
public enum OffloadFailure: Error, Sendable, Equatable, CustomStringConvertible {
  case unreachable(String)
  case refused(reason: String, message: String)
  case lost(String)
  case deadline
  /// The bytes that a budget granted do not last for the utterance.
  case budget(granted: Double)
  case cancelled

  var isLost: Bool { if case .lost = self { true } else { false } }

  /// One word for tables and the log.
  public var code: String {
    switch self {
    case .unreachable: "edge-unreachable"
    case .refused(let reason, _): "edge-refused-\(reason)"
    case .lost: "edge-lost"
    case .deadline: "deadline"
    case .budget: "budget"
    case .cancelled: "cancelled"
    }
  }

  public var description: String {
    switch self {
    case .unreachable(let why): "the edge cannot be reached: \(why)"
    case .refused(let reason, let message): "the edge refused (\(reason)): \(message)"
    case .lost(let why): "the edge was lost in mid-stream: \(why)"
    case .deadline: "the edge had not answered by the deadline"
    case .budget(let granted): "the budget's \(Int(granted)) bytes do not last for this utterance"
    case .cancelled: "the utterance was cancelled"
    }
  }
}

/// The device's connection to its edge: makes it when it is first wanted, keeps it, makes it again.
///
/// Nothing is sent before `prepare` or `recognize` is called: a device that decides everything
/// locally sends no packet.
public actor EdgeLink {
  public nonisolated let host: String
  public nonisolated let port: Int
  private let tls: TLSContext
  private let connectTimeout: Duration
  private let log: Logger
  private var state = LinkState()
  private var connection: Connection?
  private var attempt: Task<Connection, any Error>?
  private var lastFailure = "no attempt yet"
  /// Of the connections that have ended: an utterance whose connection broke has shipped its bytes.
  private var endedTraffic = (sent: 0, received: 0)
  private nonisolated let estimates = Mutex((link: LinkEstimator(), edge: EdgeEstimator()))
  private nonisolated let epoch = ContinuousClock.now

  private struct Connection: Sendable {
    var transport: SecureClientTransport
    var client: GRPCClient<SecureClientTransport>
    var runner: Task<Void, Never>
  }

  /// - Throws: `TLSError` when a certificate or key cannot be used.
  public init(
    host: String, port: Int, tls: TLSOptions, connectTimeout: Duration = .seconds(2),
    log: Logger = Logger(label: "tandem.link")
  ) throws {
    self.host = host
    self.port = port
    self.tls = try TLSContext(.client, tls)
    self.connectTimeout = connectTimeout
    self.log = log
  }

  /// Seconds since this link was made: the estimators' clock.
  public nonisolated var time: Double { epoch.duration(to: .now).seconds }

  public nonisolated var linkEstimate: LinkEstimate {
    estimates.withLock { $0.link.estimate(at: time) }
  }

  public nonisolated var edgeEstimate: EdgeEstimate {
    estimates.withLock { $0.edge.estimate(at: time) }
  }

  /// Bytes on the wire so far, over all connections that were made: sent, received.
  public var traffic: (sent: Int, received: Int) {
    guard let traffic = connection?.transport.traffic else { return endedTraffic }
    return (
      endedTraffic.sent + Int(traffic.bytesSent), endedTraffic.received + Int(traffic.bytesReceived)
    )
  }

  /// Connects in the background if there is no connection and it is time to try. Never throws:
  /// what went wrong shows in the estimates, and when an utterance is offloaded.
  public func prepare() {
    guard connection == nil, attempt == nil else { return }
    Task { _ = try? await self.connected() }
  }

  /// Connects now and asks the edge what it serves.
  ///
  /// - Throws: `OffloadFailure`.
  public func describe() async throws -> Tandem_V1_Description {
    let connection = try await connected()
    let began = time
    do {
      let description = try await Tandem_V1_Tandem.Client(wrapping: connection.client).describe(
        .with { $0.protocolVersion = ProtocolLimits.version })
      let now = time
      estimates.withLock {
        $0.link.observeRoundTrip(seconds: now - began, at: now)
        _ = $0.edge.observe(
          wait: Double(description.expectedWaitMilliseconds) / 1_000, price: description.price,
          at: now)
      }
      return description
    } catch {
      throw failure(error, connection)
    }
  }

  private func connected() async throws -> Connection {
    if let connection { return connection }
    if let attempt {
      do { return try await attempt.value } catch { throw unreachable(error) }
    }
    guard state.wanted(at: time) else {
      throw OffloadFailure.unreachable("\(lastFailure); waiting before the next attempt")
    }
    let attempt = Task { [host, port, tls, connectTimeout] in
      let transport = try await SecureClientTransport.connect(
        host: host, port: port, tls: tls, connectTimeout: connectTimeout)
      let client = GRPCClient(transport: transport)
      let runner = Task {
        // Ends with the connection; why it ended is what the calls' errors say.
        do { try await client.runConnections() } catch {}
        self.ended(transport)
      }
      return Connection(transport: transport, client: client, runner: runner)
    }
    self.attempt = attempt
    do {
      let connection = try await attempt.value
      self.attempt = nil
      if state.phase == .closed {
        connection.client.beginGracefulShutdown()
        throw OffloadFailure.unreachable("the link was closed")
      }
      state.succeeded()
      self.connection = connection
      let seconds = connection.transport.connectDuration.seconds
      let now = time
      estimates.withLock {
        $0.link.observeConnected(at: now)
        // TCP's handshake and TLS 1.3's: two round trips and some arithmetic.
        $0.link.observeRoundTrip(seconds: seconds / 2, at: now)
      }
      log.debug("connected", metadata: ["edge": "\(host):\(port)", "seconds": "\(seconds)"])
      return connection
    } catch {
      self.attempt = nil
      throw unreachable(error)
    }
  }

  private func unreachable(_ error: any Error) -> OffloadFailure {
    if let failure = error as? OffloadFailure { return failure }
    if error is CancellationError { return .cancelled }
    if state.phase == .connecting {
      lastFailure = "\(error)"
      state.failed(at: time, jitter: .random(in: 0...1))
      let now = time
      estimates.withLock { $0.link.observeDisconnected(at: now) }
      log.info("edge unreachable", metadata: ["edge": "\(host):\(port)", "why": "\(error)"])
    }
    return .unreachable("\(error)")
  }

  private func ended(_ transport: SecureClientTransport) {
    guard connection?.transport === transport else { return }
    endedTraffic = traffic
    connection = nil
    guard state.phase != .closed else { return }
    state.failed(at: time, jitter: .random(in: 0...1))
    let now = time
    estimates.withLock { $0.link.observeDisconnected(at: now) }
    log.debug("connection ended", metadata: ["edge": "\(host):\(port)"])
  }

  private func failure(_ error: any Error, _ connection: Connection) -> OffloadFailure {
    if let failure = error as? OffloadFailure { return failure }
    if error is CancellationError { return .cancelled }
    guard let error = error as? RPCError else { return .lost("\(error)") }
    if let refused = Tandem_V1_Refused(error) {
      return .refused(reason: refused.reason.word, message: refused.message)
    }
    switch error.code {
    case .cancelled: return .cancelled
    case .deadlineExceeded: return .deadline
    default:
      let why = connection.transport.failure.map { "\($0)" } ?? error.message
      return .lost(why)
    }
  }

  /// A packet's share of TLS records, HTTP/2 frames and gRPC's prefix, both ways, its acknowledgement
  /// included: what must still fit a budget's grant when the packet is sent.
  private static let framingBytes = 160.0

  /// Ships an utterance's features and waits for the edge's transcript. Cancelling the task cancels
  /// the stream.
  ///
  /// - Throws: `OffloadFailure`; `FeatureCodecError` when a feature is not finite.
  public func recognize(_ request: OffloadRequest) async throws -> OffloadAnswer {
    let connection = try await connected()
    let packets = try UtterancePackets(request)
    let progress = Progress(began: time)
    let wire = connection.transport.traffic
    let before = Double(wire.bytesSent + wire.bytesReceived)
    var options = CallOptions.defaults
    options.timeout = .milliseconds(max(1, Int64(request.deadline * 1_000)))
    do {
      return try await Tandem_V1_Tandem.Client(wrapping: connection.client).recognize(
        options: options
      ) { writer in
        for packet in packets.all {
          if let granted = request.grantedBytes {
            let spent = Double(wire.bytesSent + wire.bytesReceived) - before
            let next = Double((try packet.serializedBytes() as [UInt8]).count)
            guard spent + next + Self.framingBytes <= granted else {
              throw OffloadFailure.budget(granted: granted)
            }
          }
          try await writer.write(packet)
        }
      } onResponse: { response in
        var answer: OffloadAnswer?
        for try await message in response.messages {
          switch message.kind {
          case .accepted(let accepted):
            self.accepted(accepted, progress)
          case .acknowledged(let acknowledged) where acknowledged.frames == UInt32(packets.frames):
            self.acknowledged(bytes: packets.payloadBytes, progress)
          case .final(let final):
            answer = OffloadAnswer(
              text: final.text, confidence: Double(final.confidence),
              serverQueueSeconds: Double(final.queueMilliseconds) / 1_000,
              serverComputeSeconds: Double(final.computeMilliseconds) / 1_000,
              decoder: final.decoder)
          case .acknowledged, .partial, .none:
            break
          }
        }
        guard let answer else {
          throw OffloadFailure.lost("the edge ended the stream without a final answer")
        }
        return answer
      }
    } catch {
      let found = failure(error, connection)
      if found.isLost || wasSilent(progress, request) {
        connection.client.beginGracefulShutdown()
        // At once, not when the connection's end is noticed: the next utterance makes a new one.
        ended(connection.transport)
      }
      throw found
    }
  }

  /// The deadline passed, and the edge had not even accepted: a peer that is gone without a word, as
  /// when a cable is pulled. Else every utterance would cost its whole deadline until TCP gives up.
  private func wasSilent(_ progress: Progress, _ request: OffloadRequest) -> Bool {
    progress.accepted.withLock { $0 } == nil && time - progress.began >= 0.9 * request.deadline
  }

  /// Times of one utterance's stream, kept by its two halves.
  private final class Progress: Sendable {
    let began: Double
    let accepted = Mutex<Double?>(nil)
    init(began: Double) { self.began = began }
  }

  private nonisolated func accepted(_ accepted: Tandem_V1_Accepted, _ progress: Progress) {
    let now = time
    progress.accepted.withLock { $0 = now }
    estimates.withLock {
      $0.link.observeRoundTrip(seconds: now - progress.began, at: now)
      _ = $0.edge.observe(
        wait: Double(accepted.expectedWaitMilliseconds) / 1_000, price: accepted.price, at: now)
    }
  }

  private nonisolated func acknowledged(bytes: Int, _ progress: Progress) {
    let now = time
    // From the start: the packets leave at once, before Accepted has come back.
    let roundTrip = progress.accepted.withLock { $0 }.map { $0 - progress.began } ?? 0
    let seconds = max(now - progress.began - roundTrip, 1e-4)
    estimates.withLock { $0.link.observeTransfer(bytes: bytes, seconds: seconds, at: now) }
  }

  /// Ends the connection; the link cannot be used again.
  public func close() async {
    state.close()
    attempt?.cancel()
    guard let connection else { return }
    endedTraffic = traffic
    self.connection = nil
    connection.client.beginGracefulShutdown()
    await connection.runner.value
  }
}

extension Tandem_V1_RefusalReason {
  /// Such as "model-fingerprint": for tables and the log.
  public var word: String {
    "\(self)".reduce(into: "") { word, letter in
      if letter.isUppercase { word += "-" }
      word += letter.lowercased()
    }
  }
}
