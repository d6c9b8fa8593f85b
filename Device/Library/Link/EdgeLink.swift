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

/// The device's connection to its edge: makes it when it is first wanted, keeps it, makes it again.
///
/// Nothing is sent before `prepare` or `recognize` is called: a device that decides everything
/// locally sends no packet.
public actor EdgeLink {
  public nonisolated let host: String
  public nonisolated let port: Int
  private let credentials: TLSCredentials
  private let connectTimeout: Duration
  private let log: Logger
  private var state = LinkState()
  private var connection: Connection?
  private var attempt: Task<Connection, any Error>?
  private var probing: Task<Void, Never>?
  private var asking: Task<Void, Never>?
  private var lastFailure = "no attempt yet"
  /// Of the connections that have ended: an utterance whose connection broke has shipped its bytes.
  private var endedTraffic = (sent: 0, received: 0)
  private nonisolated let estimates: Mutex<(link: LinkEstimator, edge: EdgeEstimator)>
  private nonisolated let epoch = ContinuousClock.now
  private nonisolated let trouble: LinkTrouble
  private nonisolated let limits = Mutex(EdgeLimits.unknown)
  /// Whether the edge is asked for its limits at every new connection.
  private let asksLimits: Bool

  private struct Connection: Sendable {
    var transport: SecureClientTransport
    var client: GRPCClient<SecureClientTransport>
    var runner: Task<Void, Never>
  }

  /// Certificates are read when a connection is made, and again when they have changed: one that is missing, damaged
  /// or has ended is a link that is down, and the next attempt looks again.
  ///
  /// - Parameters:
  ///   - linkEstimator: how what is measured of the link is kept.
  ///   - edgeEstimator: how what the edge says of its wait is kept.
  ///   - asksLimits: whether the edge is asked what it takes, in some 300 bytes, at every new connection.
  public init(
    host: String, port: Int, tls: TLSOptions, connectTimeout: Duration = .seconds(2),
    linkEstimator: LinkEstimator = LinkEstimator(), edgeEstimator: EdgeEstimator = EdgeEstimator(),
    asksLimits: Bool = false, log: Logger = Logger(label: "tandem.link")
  ) {
    self.asksLimits = asksLimits
    estimates = Mutex((link: linkEstimator, edge: edgeEstimator))
    self.host = host
    self.port = port
    trouble = LinkTrouble(edge: "\(host):\(port)", log: log)
    credentials = TLSCredentials(.client, tls) { log.warning("\($0)") }
    self.connectTimeout = connectTimeout
    self.log = log
  }

  /// Seconds since this link was made: the estimators' clock.
  public nonisolated var time: Double { epoch.duration(to: .now).seconds }

  public nonisolated var linkEstimate: LinkEstimate {
    estimates.withLock { $0.link.estimate(at: time) }
  }

  /// What is known of the link in the middle of a stream: with what it has shown so far.
  nonisolated func linkEstimate(during progress: OffloadProgress?) -> LinkEstimate {
    guard let progress else { return linkEstimate }
    let now = time
    let shown = progress.shown(at: now)
    return estimates.withLock {
      $0.link.estimate(
        at: now, transfer: shown.transfer, stall: shown.stall, roundTrip: shown.roundTrip)
    }
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
    do {
      return try await describe(over: connection)
    } catch {
      throw failure(error, connection)
    }
  }

  private func describe(
    over connection: Connection, options: CallOptions = .defaults
  ) async throws -> Tandem_V1_Description {
    let began = time
    let description = try await Tandem_V1_Tandem.Client(wrapping: connection.client).describe(
      .with { $0.protocolVersion = ProtocolLimits.version }, options: options)
    let now = time
    limits.withLock { $0 = EdgeLimits(description) }
    estimates.withLock {
      $0.link.observeRoundTrip(seconds: now - began, at: now)
      _ = $0.edge.observe(
        wait: Double(description.expectedWaitMilliseconds) / 1_000, price: description.price,
        at: now)
    }
    return description
  }

  /// A user begins to speak: asks the edge for a sign of life and its wait, as soon as there is a connection. Returns at
  /// once and never throws: the estimates know of the answer, and of its absence.
  ///
  /// - Returns: nil if such a question is out already, or the link is closed.
  func probe() -> EdgeProbe? {
    guard probing == nil, state.phase != .closed else { return nil }
    let probe = EdgeProbe()
    probing = Task {
      await ask(probe)
      probing = nil
    }
    return probe
  }

  private func ask(_ probe: EdgeProbe) async {
    guard let connection = try? await connected(), probe.begin() else { return }
    defer { probe.end() }
    let wire = connection.transport.traffic
    let heard = wire.bytesReceived
    let now = time
    estimates.withLock { $0.link.observeProbe(at: now) }
    var options = CallOptions.defaults
    options.timeout = connectTimeout
    do {
      _ = try await describe(over: connection, options: options)
    } catch {
      guard !Task.isCancelled, wire.bytesReceived == heard else { return }
      // Gone without a word, as `OffloadProgress.wasSilent` has it: the next utterance makes a new connection.
      connection.client.beginGracefulShutdown()
      ended(connection.transport)
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
    let attempt = Task { [host, port, credentials, connectTimeout] in
      let transport = try await SecureClientTransport.connect(
        host: host, port: port, tls: try credentials.context(), connectTimeout: connectTimeout)
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
      trouble.reached()
      limits.withLock { $0 = .unknown }
      if asksLimits {
        var options = CallOptions.defaults
        options.timeout = connectTimeout
        asking = Task { [options] in _ = try? await describe(over: connection, options: options) }
      }
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
      trouble.failed("\(error)")
    }
    return .unreachable("\(error)")
  }

  /// Attempts to connect that have failed since the edge was last reached.
  public nonisolated var failedAttempts: Int { trouble.attempts }

  /// Reads the certificates now, so that whoever is to renew them hears of it before the first utterance: what is wrong
  /// with them is logged once.
  ///
  /// - Throws: `TLSError`.
  public nonisolated func checkCertificates() throws {
    do {
      _ = try credentials.context()
    } catch {
      trouble.say("\(error)")
      throw error
    }
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

  /// Utterances up to ten seconds go before the edge has said what it takes: every edge takes as much.
  private static let shortSeconds = 10.0

  /// What the edge is known to take.
  nonisolated var edgeLimits: EdgeLimits { limits.withLock { $0 } }

  private nonisolated func objection(_ header: OffloadHeader, frames: Int) -> OffloadFailure? {
    edgeLimits.objection(
      frames: frames, bytesPerFrame: header.codec.bytesPerFrame(dimension: header.dimension),
      framesPerPacket: header.framesPerPacket, framesPerSecond: header.framesPerSecond
    ).map { .refused(reason: "too-long", message: $0) }
  }

  /// A packet's share of TLS records, HTTP/2 frames and gRPC's prefix, both ways, its acknowledgement
  /// included: what must still fit a budget's grant when the packet is sent.
  private static let framingBytes = 160.0

  /// Ships an utterance's features and waits for the edge's transcript. Cancelling the task cancels
  /// the stream.
  ///
  /// - Throws: `OffloadFailure`; `FeatureCodecError` when a feature is not finite.
  public func recognize(_ request: OffloadRequest) async throws -> OffloadAnswer {
    let (pieces, feed) = AsyncStream.makeStream(of: OffloadPiece.self)
    feed.yield(.features(request.features))
    feed.yield(.end(deadline: nil))
    let progress = OffloadProgress()
    progress.expect(answerAt: time + request.deadline)
    return try await recognize(request.header, pieces: pieces, progress: progress)
  }

  /// Ships features as they become ready, and waits for the edge's transcript.
  ///
  /// The next piece is taken when gRPC has room for more: a slow link leaves features where they are, in `pieces`,
  /// which an utterance's length bounds. Cancelling the task, or ending `pieces` without `.end`, withdraws the
  /// utterance.
  ///
  /// - Throws: `OffloadFailure`; `FeatureCodecError` when a feature is not finite.
  func recognize(
    _ header: OffloadHeader, pieces: AsyncStream<OffloadPiece>, progress: OffloadProgress
  ) async throws -> OffloadAnswer {
    let connection = try await connected()
    // A long utterance is worth the wait for what the edge takes, at most once a connection.
    if let frames = header.frames, Double(frames) > Self.shortSeconds * header.framesPerSecond {
      await asking?.value
    }
    if let objection = objection(header, frames: header.frames ?? 0) { throw objection }
    let packets = try PacketStream(header)
    let wire = connection.transport.traffic
    let spent = { @Sendable in Double(wire.bytesSent + wire.bytesReceived) }
    let before = spent()
    progress.begin(at: time, wire: wire)
    var options = CallOptions.defaults
    options.timeout = .milliseconds(max(1, Int64(header.deadline * 1_000)))
    do {
      let answer = try await Tandem_V1_Tandem.Client(wrapping: connection.client).recognize(
        options: options
      ) { writer in
        func write(_ packet: Tandem_V1_Packet) async throws {
          if let granted = header.grantedBytes {
            let next = Double((try packet.serializedBytes() as [UInt8]).count)
            guard spent() - before + next + Self.framingBytes <= granted else {
              progress.failure = .budget(granted: granted)
              throw OffloadFailure.budget(granted: granted)
            }
          }
          progress.send(packet, at: self.time)
          try await writer.write(packet)
        }
        var packets = packets
        var frames = 0
        try await write(packets.start)
        for await piece in pieces {
          switch piece {
          case .features(let values):
            frames += values.count / max(1, header.dimension)
            if let objection = self.objection(header, frames: frames) {
              progress.failure = objection
              throw objection
            }
            for packet in try packets.append(values) { try await write(packet) }
          case .end(let deadline):
            for packet in try packets.finish(deadline: deadline) { try await write(packet) }
            return
          }
        }
        // Returning would end the stream as if the utterance were whole.
        throw OffloadFailure.cancelled
      } onResponse: { response in
        var answer: OffloadAnswer?
        for try await message in response.messages {
          switch message.kind {
          case .accepted(let accepted):
            self.accepted(accepted, progress)
          case .acknowledged(let acknowledged):
            progress.acknowledge(frames: Int(acknowledged.frames), at: self.time)
          case .final(let final):
            answer = OffloadAnswer(
              text: final.text, confidence: Double(final.confidence),
              serverQueueSeconds: Double(final.queueMilliseconds) / 1_000,
              serverComputeSeconds: Double(final.computeMilliseconds) / 1_000,
              decoder: final.decoder)
          case .partial, .none:
            break
          }
        }
        // A cancelled task's messages end as if there were no more.
        try Task.checkCancellation()
        guard let answer else {
          throw OffloadFailure.lost("the edge ended the stream without a final answer")
        }
        return answer
      }
      learn(progress, isLost: false)
      return answer
    } catch {
      // Who was cancelled knows nothing of the connection: it must not be closed for that.
      let found =
        Task.isCancelled ? .cancelled : progress.failure ?? failure(error, connection)
      learn(progress, isLost: found.isLost)
      if found.isLost || progress.wasSilent(at: time, patience: connectTimeout.seconds) {
        connection.client.beginGracefulShutdown()
        // At once, not when the connection's end is noticed: the next utterance makes a new one.
        ended(connection.transport)
      }
      throw found
    }
  }

  private nonisolated func accepted(_ accepted: Tandem_V1_Accepted, _ progress: OffloadProgress) {
    let now = time
    guard let roundTrip = progress.accept(at: now) else { return }
    estimates.withLock {
      $0.link.observeRoundTrip(seconds: roundTrip, at: now)
      _ = $0.edge.observe(
        wait: Double(accepted.expectedWaitMilliseconds) / 1_000, price: accepted.price, at: now)
    }
  }

  /// Tells the estimator what this stream has shown of the link, when it is over.
  private nonisolated func learn(_ progress: OffloadProgress, isLost: Bool) {
    let now = time
    let shown = progress.shown(at: now)
    estimates.withLock { estimates in
      if let transfer = shown.transfer {
        // The packets leave at once, before Accepted has come back.
        estimates.link.observeTransfer(
          bytes: transfer.bytes, seconds: max(transfer.seconds, 1e-4), roundTrip: shown.roundTrip,
          at: now)
      }
      // A connection that broke says nothing of the bandwidth that it had.
      if let stall = shown.stall, !isLost {
        estimates.link.observeStall(bytes: stall.bytes, seconds: stall.seconds, at: now)
      }
    }
  }

  /// Ends the connection; the link cannot be used again.
  public func close() async {
    state.close()
    attempt?.cancel()
    probing?.cancel()
    asking?.cancel()
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
