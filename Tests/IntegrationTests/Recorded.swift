import Foundation
import TandemProtocol

/// Reads what `record-packets` wrote, independently of the code that wrote it.
enum Recorded {
  struct CutOff: Error {}

  static func packets(_ data: Data) throws -> [Tandem_V1_Packet] {
    var bytes = Array(data)[...]
    var packets: [Tandem_V1_Packet] = []
    while !bytes.isEmpty {
      var length = 0
      var shift = 0
      while true {
        guard let byte = bytes.popFirst(), shift < 35 else { throw CutOff() }
        length |= Int(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      guard length <= bytes.count else { throw CutOff() }
      packets.append(try Tandem_V1_Packet(serializedBytes: Array(bytes.prefix(length))))
      bytes = bytes.dropFirst(length)
    }
    return packets
  }
}
