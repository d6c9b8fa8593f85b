import Basics
import Conformer
import Decoding
import FeatureCodec
import Foundation
import GRPCCore
import Inference
import Logging
import Offload
import Synchronization
import TandemProtocol

/// The gRPC service: admits utterances, receives their features, has them recognised on the
/// inference threads and answers.
///
/// Transcripts go to the device and nowhere else: no log line, metric or error holds one.
public final class EdgeService: Tandem_V1_Tandem.SimpleServiceProtocol {
  public static let serverVersion = "tandem-edge \(Release.version)"

  private let recognizer: EdgeRecognizer
  private let offer: EdgeOffer
  private let pool: InferencePool
  private let maximumStreams: Int
  private let streamIdle: Duration
  private let identify: @Sendable (ServerContext) -> String?
  private let log: Logger
  private let streams = Mutex(0)
  private let counted = Mutex(UtteranceCounts())
  private let wait = Mutex(WaitEstimate())
  private let draining = Atomic<Bool>(false)

  /// - Parameter identify: whose certificate is behind a call, for the log.
  public init(
    recognizer: EdgeRecognizer, offer: EdgeOffer, pool: InferencePool, maximumStreams: Int,
    streamIdle: Duration, identify: @escaping @Sendable (ServerContext) -> String? = { _ in nil },
    log: Logger
  ) {
    self.recognizer = recognizer
    self.offer = offer
    self.pool = pool
    self.maximumStreams = maximumStreams
    self.streamIdle = streamIdle
    self.identify = identify
    self.log = log
  }

  /// What became of the utterances so far.
  public var counts: UtteranceCounts { counted.withLock { $0 } }

  /// Utterances that were admitted and have not ended.
  public var openUtterances: Int { streams.withLock { $0 } }

  /// From now on new utterances are refused as shutting down; those under way go on.
  public func drain() { draining.store(true, ordering: .relaxed) }

  public func describe(
    request: Tandem_V1_DescribeRequest, context: ServerContext
  ) async throws -> Tandem_V1_Description {
    .with {
      $0.protocolVersionMinimum = ProtocolLimits.versions.lowerBound
      $0.protocolVersionMaximum = ProtocolLimits.versions.upperBound
      $0.modelFingerprint = Data(offer.modelFingerprint)
      $0.modelName = offer.modelName
      $0.codecFingerprint = Data(offer.codecFingerprint)
      $0.codecs = FeatureCodec.table.map { codec in
        .with {
          $0.name = codec.name
          $0.index = UInt32(codec.index)
          $0.bytesPerFrame = UInt32(codec.bytesPerFrame(dimension: offer.dimension))
        }
      }
      $0.splitLayers = offer.splitLayers.map { layer in
        .with {
          $0.layer = UInt32(layer)
          $0.dimension = UInt32(offer.dimension)
        }
      }
      $0.limits = .with {
        $0.messageBytes = UInt32(offer.maximumMessageBytes)
        $0.packetsPerUtterance = UInt32(offer.maximumPackets)
        $0.secondsPerUtterance = UInt32(offer.maximumSeconds)
        $0.bytesPerUtterance = UInt32(offer.maximumBytes)
      }
      $0.expectedWaitMilliseconds = expectedWaitMilliseconds
      $0.serverVersion = Self.serverVersion
    }
  }

  private var expectedWaitMilliseconds: UInt32 {
    let queued = pool.load
    let seconds = wait.withLock { $0.seconds(queued: queued, threads: pool.threads) }
    return UInt32(min(seconds * 1_000, 3.6e6))
  }

  public func recognize(
    request: RPCAsyncSequence<Tandem_V1_Packet, any Error>,
    response: RPCWriter<Tandem_V1_Answer>, context: ServerContext
  ) async throws {
    do {
      try admit()
      defer { streams.withLock { $0 -= 1 } }
      try await watched(context) { deadline in
        try await self.serve(request, response, deadline, context)
      }
      counted.withLock { $0.answered += 1 }
    } catch let early as EndedEarly {
      withdrawn(context)
      throw early.refusal.statusError
    } catch let refused as Tandem_V1_Refused {
      counted.withLock { $0.refused += 1 }
      log.info(
        "utterance refused",
        metadata: [
          "device": "\(identify(context) ?? "unknown")", "reason": "\(refused.reason)",
          "message": "\(refused.message)",
        ])
      throw refused.statusError
    } catch {
      // The device has ended the call, as the protocol allows it to at any time, or is gone.
      if error is CancellationError || context.cancellation.isCancelled {
        withdrawn(context)
      } else {
        counted.withLock { $0.failed += 1 }
      }
      throw error
    }
  }

  private func withdrawn(_ context: ServerContext) {
    counted.withLock { $0.withdrawn += 1 }
    log.debug("utterance withdrawn", metadata: ["device": "\(identify(context) ?? "unknown")"])
  }

  private func admit() throws(Tandem_V1_Refused) {
    if draining.load(ordering: .relaxed) {
      throw .init(
        .shuttingDown, "this edge is shutting down; use another", retryAfterMilliseconds: 1_000)
    }
    let admitted = streams.withLock { count in
      guard count < maximumStreams else { return false }
      count += 1
      return true
    }
    guard admitted, pool.queued < pool.queueLimit else {
      if admitted { streams.withLock { $0 -= 1 } }
      throw .init(
        .overload, "this edge has all the utterances that it takes at a time",
        retryAfterMilliseconds: max(100, expectedWaitMilliseconds))
    }
  }

  /// Runs `body` until it ends, the device cancels, or the deadline that `body` has set passes: a
  /// silent device cannot hold a stream, nor a vanished one an inference thread.
  private func watched(
    _ context: ServerContext, _ body: @escaping @Sendable (Deadline) async throws -> Void
  ) async throws {
    let deadline = Deadline(streamIdle)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await body(deadline) }
      group.addTask {
        try await deadline.passed()
        throw Self.tooLate
      }
      group.addTask {
        try await context.cancellation.cancelled
        // gRPC says so too when the server begins to stop, and then the device has not gone away:
        // what is under way is answered, watched by its deadline.
        if self.draining.load(ordering: .relaxed) {
          try await deadline.passed()
          throw Self.tooLate
        }
        throw CancellationError()
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private static let tooLate = Tandem_V1_Refused(
    .deadlinePassed, "the device was silent for too long, or the deadline passed")

  private func serve(
    _ request: RPCAsyncSequence<Tandem_V1_Packet, any Error>,
    _ response: RPCWriter<Tandem_V1_Answer>, _ deadline: Deadline, _ context: ServerContext
  ) async throws {
    let clock = ContinuousClock()
    var reception = UtteranceReception(offer: offer)
    var beginning: UtteranceReception.Beginning?
    var features: [Float] = []
    var packets = request.makeAsyncIterator()

    // While packets are awaited, the earlier of the utterance's deadline and the stream's idle limit.
    var answerBy: ContinuousClock.Instant?
    func expectPacket(within limit: Duration) {
      let idle = clock.now.advanced(by: limit)
      deadline.set(answerBy.map { min($0, idle) } ?? idle)
    }
    while !reception.hasEnded {
      expectPacket(within: streamIdle)
      guard let packet = try await packets.next() else { break }
      switch try reception.receive(packet) {
      case .began(let begun):
        beginning = begun
        answerBy = clock.now.advanced(by: .milliseconds(begun.deadlineMilliseconds))
        try await response.write(
          .with {
            $0.accepted = .with {
              $0.expectedWaitMilliseconds = expectedWaitMilliseconds
              $0.serverVersion = Self.serverVersion
            }
          })
      case .features(let values, let total):
        features += values
        try await response.write(
          .with { $0.acknowledged = .with { $0.frames = UInt32(total) } })
      case .ended(_, let milliseconds):
        if let milliseconds {
          answerBy = clock.now.advanced(by: .milliseconds(milliseconds))
        }
      }
    }
    do {
      try reception.finish()
    } catch {
      // A client's gRPC may end its half of the stream before it resets the call that its device has cancelled.
      if beginning != nil { throw EndedEarly(refusal: error) }
      throw error
    }
    guard let beginning, let answerBy else { return }
    deadline.set(answerBy)

    let arrived = clock.now
    let input = features
    let (hypothesis, started, ended) = try await pooled { [recognizer] cancellation in
      let started = clock.now
      if deadline.hasPassed {
        throw Tandem_V1_Refused(
          .deadlinePassed, "the deadline passed while the utterance waited for its turn")
      }
      let hypothesis = try recognizer.recognize(
        features: input, splitLayer: beginning.splitLayer,
        isCancelled: { cancellation.isCancelled || deadline.hasPassed })
      return (hypothesis, started, clock.now)
    }
    wait.withLock { $0.observe(seconds: started.duration(to: ended).seconds) }
    try await response.write(
      .with {
        $0.final = .with {
          $0.text = hypothesis.text
          $0.confidence = Float(hypothesis.logProbability / Double(hypothesis.tokens.count + 1))
          $0.queueMilliseconds = Float(arrived.duration(to: started).seconds * 1_000)
          $0.computeMilliseconds = Float(started.duration(to: ended).seconds * 1_000)
          $0.decoder = recognizer.decoderName
        }
      })
    log.debug(
      "utterance answered",
      metadata: [
        "device": "\(identify(context) ?? "unknown")", "splitLayer": "\(beginning.splitLayer)",
        "codec": "\(beginning.codec.name)",
        "frames": "\(features.count / offer.dimension)",
        "computeMilliseconds": "\(started.duration(to: ended).seconds * 1_000)",
      ])
  }

  private func pooled<Result: Sendable>(
    _ work: @escaping @Sendable (InferencePool.Cancellation) throws -> Result
  ) async throws -> Result {
    do {
      return try await pool.run(work)
    } catch let error as InferencePool.PoolError {
      switch error {
      case .full:
        throw Tandem_V1_Refused(
          .overload, error.description, retryAfterMilliseconds: max(100, expectedWaitMilliseconds))
      case .shutDown: throw Tandem_V1_Refused(.shuttingDown, error.description)
      }
    } catch let error as CancellationError {
      if Task.isCancelled { throw error }
      throw Tandem_V1_Refused(
        .deadlinePassed, "the deadline passed while the utterance was computed")
    }
  }
}

/// The device ended its utterance before End: a withdrawal, unless it is a client that does not know the protocol, which
/// is told so.
private struct EndedEarly: Error {
  var refusal: Tandem_V1_Refused
}

/// When an utterance's answer stops being of use; set once Start has said it.
private final class Deadline: Sendable {
  private let instant: Mutex<ContinuousClock.Instant>

  init(_ fromNow: Duration) { instant = Mutex(.now.advanced(by: fromNow)) }

  func set(_ new: ContinuousClock.Instant) { instant.withLock { $0 = new } }

  var hasPassed: Bool { ContinuousClock.now >= instant.withLock { $0 } }

  /// Returns when the deadline, as it then stands, has passed.
  func passed() async throws {
    while !hasPassed {
      // At most a second at a time, since Start may have set an earlier deadline meanwhile.
      let next = min(instant.withLock { $0 }, .now.advanced(by: .seconds(1)))
      try await Task.sleep(until: next)
    }
  }
}
