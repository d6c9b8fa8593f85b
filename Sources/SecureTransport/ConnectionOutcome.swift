import NIOCore
import Synchronization

/// What the event loop learns about a client's connection, and everybody may read.
final class ConnectionOutcome: Sendable {
  private struct State {
    var peer: PeerIdentity?
    var failure: TLSError?
  }

  private let state = Mutex(State())
  private let promise: EventLoopPromise<PeerIdentity>
  let traffic = TLSTraffic()

  init(on eventLoop: any EventLoop) { promise = eventLoop.makePromise() }

  /// The server's identity, once it has accepted this client.
  var accepted: EventLoopFuture<PeerIdentity> { promise.futureResult }

  /// Why the connection failed; nil while it stands, and after an orderly end.
  var failure: TLSError? { state.withLock { $0.failure } }

  /// Reports what the handler sees here. `place` is the peer, for errors.
  func observe(_ options: inout TLSHandlerOptions, place: String) {
    options.traffic = traffic
    options.onHandshake = { identity in self.state.withLock { $0.peer = identity } }
    options.onFirstBytes = {
      if let peer = self.state.withLock({ $0.peer }) { self.promise.succeed(peer) }
    }
    options.onFailure = { error in
      self.state.withLock { $0.failure = error }
      self.promise.fail(error)
    }
    options.onClose = {
      // Changes nothing if the server had accepted, or a failure had a better reason.
      self.promise.fail(Self.closedEarly(place))
    }
  }

  static func closedEarly(_ place: String) -> TLSError {
    TLSError(
      .truncated, "the server closed the connection before it said anything", place: place,
      remedy: "look into the server's log for its reason")
  }
}
