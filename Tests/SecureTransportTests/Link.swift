import NIOCore

@testable import SecureTransport

/// Two end points and the hands that carry bytes between them.
final class Link {
  let client: EndPoint
  let server: EndPoint
  private var clientEndSeen = false
  private var serverEndSeen = false

  init(client: EndPoint, server: EndPoint) {
    self.client = client
    self.server = server
  }

  /// Both ends with the tests' certificates unless said otherwise.
  convenience init(
    server serverOptions: TLSOptions? = nil, client clientOptions: TLSOptions? = nil,
    serverName: String = "edge.test", handler: TLSHandlerOptions = TLSHandlerOptions(),
    halfClosure: Bool = false
  ) throws {
    let certificates = TestCertificates.shared
    let server = try EndPoint(
      TLSContext(.server, serverOptions ?? certificates.serverOptions()), options: handler,
      halfClosure: halfClosure)
    let client = try EndPoint(
      TLSContext(.client, clientOptions ?? certificates.clientOptions()), serverName: serverName,
      options: handler, halfClosure: halfClosure)
    self.init(client: client, server: server)
  }

  /// Starts both ends and finishes the handshake, if it can be finished.
  func connect(piece: Int = .max) throws {
    try server.connect()
    try client.connect()
    pump(piece: piece)
  }

  /// Carries bytes, `piece` at a time and in turns, until neither end has any more;
  /// then FINs.
  func pump(piece: Int = .max) {
    var moved = true
    while moved {
      moved = false
      if let bytes = client.wire.take(piece) {
        server.receive(bytes)
        moved = true
      }
      if let bytes = server.wire.take(piece) {
        client.receive(bytes)
        moved = true
      }
      client.channel.embeddedEventLoop.run()
      server.channel.embeddedEventLoop.run()
      if moved { continue }
      if client.wire.isOutputClosed && !clientEndSeen {
        clientEndSeen = true
        server.receiveEnd()
        moved = true
      }
      if server.wire.isOutputClosed && !serverEndSeen {
        serverEndSeen = true
        client.receiveEnd()
        moved = true
      }
    }
  }
}
