import Foundation

/// A policy's memory as it stands in its file: a line with the SHA-256 of the rest, and the rest, JSON.
///
/// A file that was cut short, overwritten or edited does not match its first line, so whatever decodes was written
/// by this program. `tail -n +2 FILE | sha256sum` gives the first line.
struct KeptState<State: Codable>: Codable {
  /// Of the file: this type's. `stateVersion` is the policy's own.
  static var formatVersion: Int { 1 }

  var format = formatVersion
  var policy: String
  var stateVersion: Int
  var key: MemoryKey
  var state: State

  init(policy: String, stateVersion: Int, key: MemoryKey, state: State) {
    self.policy = policy
    self.stateVersion = stateVersion
    self.key = key
    self.state = state
  }

  /// What can be read whatever the state is like.
  private struct Versions: Decodable {
    var format: Int
    var stateVersion: Int
  }

  /// - Throws: `MemoryProblem`.
  init(_ data: Data, stateVersion known: Int) throws {
    guard let newline = data.firstIndex(of: UInt8(ascii: "\n")) else {
      throw MemoryProblem.damaged("it has no first line")
    }
    let rest = data[(newline + 1)...]
    guard String(decoding: data[..<newline], as: UTF8.self) == MemoryKey.digest(Data(rest)) else {
      throw MemoryProblem.damaged("it was cut short or changed: its checksum does not match")
    }
    let versions: Versions
    do {
      versions = try StoredDecision.decode(String(decoding: rest, as: UTF8.self))
    } catch {
      throw MemoryProblem.damaged("\(error)")
    }
    guard versions.format <= Self.formatVersion, versions.stateVersion <= known else {
      throw MemoryProblem.newer(
        found: "\(versions.format).\(versions.stateVersion)",
        known: "\(Self.formatVersion).\(known)")
    }
    // There is no older version yet; the first change brings its way up with it.
    do {
      self = try StoredDecision.decode(String(decoding: rest, as: UTF8.self))
    } catch {
      throw MemoryProblem.damaged("\(error)")
    }
  }

  func data() throws -> Data {
    let rest = Data((try StoredDecision.encode(self) + "\n").utf8)
    return Data((MemoryKey.digest(rest) + "\n").utf8) + rest
  }
}
