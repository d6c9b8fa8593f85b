import Basics
import FeatureCodec
import Foundation
import TandemProtocol
import Testing

@testable import TandemDevice
@testable import TandemEdge

@Suite("Receiving an utterance, without any socket")
struct UtteranceReceptionTests {
  private let offer: EdgeOffer
  private let request: OffloadRequest

  init() throws {
    offer = EdgeOffer(
      model: try TestEdge.model("characters", .edge), maximumPackets: 40, maximumSeconds: 4,
      maximumBytes: 20_000)
    request = try TestUtterance.request(seconds: 3)
  }

  /// Feeds packets until one is refused; what came out, and the refusal.
  private func feed(
    _ packets: [Tandem_V1_Packet]
  ) -> (features: [Float], ended: Bool, refused: Tandem_V1_Refused?) {
    var reception = UtteranceReception(offer: offer)
    var features: [Float] = []
    do {
      for packet in packets {
        if case .features(let values, let total) = try reception.receive(packet) {
          features += values
          #expect(features.count == total * offer.dimension)
        }
      }
      try reception.finish()
      return (features, reception.hasEnded, nil)
    } catch {
      return (features, reception.hasEnded, error)
    }
  }

  @Test("However it is cut into packets, the features come out as they went in")
  func anyCut() throws {
    for duration in [0.04, 0.08, 0.2, 0.32, 1, 10] {
      var request = request
      request.framesPerPacket = Packetiser.framesPerPacket(duration: duration, framesPerSecond: 25)
      let packets = try UtterancePackets(request).all
      let result = feed(packets)
      if packets.count - 2 > offer.maximumPackets {
        #expect(result.refused?.reason == .tooLarge)
      } else {
        #expect(result.refused == nil)
        #expect(result.ended)
        #expect(result.features == request.features)
      }
    }
  }

  /// One way of spoiling one packet, with the refusals that may answer it.
  private struct Mutation: Sendable {
    var name: String
    var allowed: Set<Tandem_V1_RefusalReason>
    var change: @Sendable (inout [Tandem_V1_Packet], inout SeededGenerator) -> Void

    init(
      _ name: String, _ allowed: Set<Tandem_V1_RefusalReason>,
      _ change: @escaping @Sendable (inout [Tandem_V1_Packet], inout SeededGenerator) -> Void
    ) {
      self.name = name
      self.allowed = allowed
      self.change = change
    }
  }

  private static let mutations: [Mutation] = [
    Mutation("drop one", [.malformed, .sequenceGap, .checksum]) { packets, random in
      packets.remove(at: .random(in: 0..<packets.count, using: &random))
    },
    Mutation("send one twice", [.malformed, .sequenceGap]) { packets, random in
      let index = Int.random(in: 0..<packets.count, using: &random)
      packets.insert(packets[index], at: index)
    },
    Mutation("swap two neighbours", [.malformed, .sequenceGap]) { packets, random in
      let index = Int.random(in: 0..<(packets.count - 1), using: &random)
      packets.swapAt(index, index + 1)
    },
    Mutation("flip a payload's bit", [.checksum, .malformed]) { packets, random in
      let index = Int.random(in: 1..<(packets.count - 1), using: &random)
      let count = packets[index].features.payload.count
      packets[index].features.payload[Int.random(in: 0..<count, using: &random)] ^=
        1 << UInt8.random(in: 0..<8, using: &random)
    },
    Mutation("cut a payload", [.malformed]) { packets, random in
      let index = Int.random(in: 1..<(packets.count - 1), using: &random)
      let count = packets[index].features.payload.count
      packets[index].features.payload.removeLast(.random(in: 1...count, using: &random))
    },
    Mutation("another first frame", [.sequenceGap]) { packets, random in
      let index = Int.random(in: 1..<(packets.count - 1), using: &random)
      packets[index].features.firstFrame &+= .random(in: 1...UInt32.max, using: &random)
    },
    Mutation("another frame count", [.malformed, .tooLong]) { packets, random in
      let index = Int.random(in: 1..<(packets.count - 1), using: &random)
      packets[index].features.frameCount &+= .random(in: 1...UInt32.max, using: &random)
    },
    Mutation("another total", [.sequenceGap]) { packets, random in
      packets[packets.count - 1].end.totalFrames &+= .random(in: 1...UInt32.max, using: &random)
    },
    Mutation("another checksum", [.checksum]) { packets, random in
      let length = Int.random(in: 0...64, using: &random)
      packets[packets.count - 1].end.checksum = Data(
        (0..<length).map { _ in .random(in: 0...255, using: &random) })
    },
    Mutation("no kind", [.malformed]) { packets, random in
      packets[.random(in: 0..<packets.count, using: &random)] = Tandem_V1_Packet()
    },
    Mutation("another model", [.modelFingerprint]) { packets, random in
      let length = Int.random(in: 0...64, using: &random)
      packets[0].start.modelFingerprint = Data(
        (0..<length).map { _ in .random(in: 0...255, using: &random) })
    },
    Mutation("another split", [.splitLayer]) { packets, random in
      packets[0].start.splitLayer = .random(in: 4...UInt32.max, using: &random)
    },
    Mutation("another codec", [.codec]) { packets, random in
      packets[0].start.codec = .random(in: 2...UInt32.max, using: &random)
    },
    Mutation("another dimension", [.dimension]) { packets, random in
      packets[0].start.featureDimension &+= .random(in: 1...UInt32.max, using: &random)
    },
    Mutation("another version", [.version]) { packets, random in
      packets[0].start.protocolVersion = .random(in: 2...UInt32.max, using: &random)
    },
  ]

  @Test("One wrong field is refused by its name, whatever its value", arguments: mutations.indices)
  func mutated(index: Int) throws {
    let mutation = Self.mutations[index]
    let right = try UtterancePackets(request).all
    #expect(feed(right).refused == nil)
    var random = SeededGenerator(UInt64(index) + 1)
    for _ in 0..<200 {
      var packets = right
      mutation.change(&packets, &random)
      let result = feed(packets)
      guard let refused = result.refused else {
        Issue.record("\(mutation.name): accepted")
        continue
      }
      #expect(
        mutation.allowed.contains(refused.reason),
        "\(mutation.name): \(refused.reason), \(refused.message)")
      #expect(!refused.message.isEmpty)
      #expect(refused.message.utf8.count <= ProtocolLimits.refusalMessageBytes)
    }
  }

  @Test("End may set another deadline, within its limit")
  func deadlineFromTheEnd() throws {
    var right = try UtterancePackets(request).all
    let last = right.count - 1
    for (milliseconds, expected) in [(UInt32(0), Int?.none), (1, 1), (300_000, 300_000)] {
      right[last].end.deadlineMilliseconds = milliseconds
      var reception = UtteranceReception(offer: offer)
      var end: UtteranceReception.Event?
      for packet in right { end = try reception.receive(packet) }
      let frames = request.features.count / request.dimension
      #expect(end == .ended(frames: frames, deadlineMilliseconds: expected))
    }
    for milliseconds in [300_001, UInt32.max] {
      right[last].end.deadlineMilliseconds = milliseconds
      let refused = feed(right).refused
      #expect(refused?.reason == .malformed)
      #expect(refused?.message.contains("300000") == true)
    }
  }

  @Test("Random packets in random order never crash it, and a refusal is for good")
  func random() throws {
    let right = try UtterancePackets(request).all
    var random = SeededGenerator(99)
    var refusals = 0
    for _ in 0..<3_000 {
      var reception = UtteranceReception(offer: offer)
      var refused = false
      var frames = 0
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        do {
          let event = try reception.receive(Self.packet(right, &random))
          #expect(!refused, "a packet was taken after a refusal")
          if case .features(_, let total) = event {
            #expect(total > frames)
            frames = total
            #expect(total <= offer.maximumFrames)
          }
        } catch {
          if refused { #expect(error.reason == .malformed) }
          #expect(error.reason != .unspecified && error.reason != .internal)
          #expect(!error.message.isEmpty)
          refused = true
          refusals += 1
        }
      }
      #expect(!(refused && reception.hasEnded))
    }
    #expect(refusals > 1_000, "the packets were too tame")
  }

  /// A right packet, a right one with random fields, or random bytes read as a packet.
  private static func packet(
    _ right: [Tandem_V1_Packet], _ random: inout SeededGenerator
  ) -> Tandem_V1_Packet {
    let numbers: [UInt32] = [0, 1, 7, 8, 100, 101, UInt32(Int32.max), .max]
    switch Int.random(in: 0..<5, using: &random) {
    case 0, 1: return right[.random(in: 0..<right.count, using: &random)]
    case 2:
      return .with {
        $0.features.firstFrame = numbers.randomElement(using: &random) ?? 0
        $0.features.frameCount = numbers.randomElement(using: &random) ?? 0
        $0.features.payload = Data(
          repeating: .random(in: 0...255, using: &random),
          count: 48 * Int.random(in: 0...9, using: &random))
      }
    case 3: return right[0]
    default:
      let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      return (try? Tandem_V1_Packet(serializedBytes: bytes)) ?? Tandem_V1_Packet()
    }
  }

  @Test func boundsHoldInPacketsSecondsAndBytes() throws {
    func reason(_ change: (inout OffloadRequest) -> Void, _ bound: (inout EdgeOffer) -> Void) throws
      -> Tandem_V1_RefusalReason?
    {
      var request = request
      change(&request)
      var offer = offer
      bound(&offer)
      var reception = UtteranceReception(offer: offer)
      do throws(Tandem_V1_Refused) {
        for packet in try packets(request) { _ = try reception.receive(packet) }
        return nil
      } catch {
        return error.reason
      }
    }
    let asItIs = try reason({ _ in }, { _ in })
    #expect(asItIs == nil)
    let tooManyPackets = try reason({ $0.framesPerPacket = 1 }, { $0.maximumPackets = 79 })
    #expect(tooManyPackets == .tooLarge)
    let tooManySeconds = try reason({ _ in }, { $0.maximumSeconds = 2 })
    #expect(tooManySeconds == .tooLong)
    let tooManyBytes = try reason({ _ in }, { $0.maximumBytes = 1_000 })
    #expect(tooManyBytes == .tooLarge)
  }

  private func packets(_ request: OffloadRequest) throws(Tandem_V1_Refused) -> [Tandem_V1_Packet] {
    do {
      return try UtterancePackets(request).all
    } catch {
      throw Tandem_V1_Refused(.internal, "\(error)")
    }
  }

  @Test func whatIsMissingAtTheEndIsNamed() throws {
    func message(_ packets: [Tandem_V1_Packet]) -> String { feed(packets).refused?.message ?? "" }
    let right = try UtterancePackets(request).all
    #expect(message([]).contains("before Start"))
    #expect(message([right[0]]).contains("after 0 frames without End"))
    #expect(message([right[0], right[1]]).contains("after 8 frames without End"))
    // Start and End alone: an utterance of nothing.
    var empty = [right[0], right[right.count - 1]]
    empty[1].end.totalFrames = 0
    empty[1].end.checksum = Data(SHA256().finalize())
    #expect(message(empty).contains("0 frames"))
  }
}
