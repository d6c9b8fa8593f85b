import Basics
import FeatureCodec
import Foundation
import Offload

/// Ground truth of a simulation: what the real system does with every utterance of a manifest. The
/// simulation invents no accuracy.
///
/// A file of JSON lines, in UTF-8: first a `ProfileHeader`, then one `ProfiledUtterance` a line.
/// `tandem-evaluate profile` writes it.
///
/// ```json
/// {"tandemProfile":1,"source":"english 3f2a…, dev","dimension":144,"splitLayers":[0,2],"codecs":[0,1],"baselines":[],"shape":{…}}
/// {"id":"a-1","seconds":3.2,"referenceWords":9,"exits":[{"wordErrors":3,"evidence":{"exit":1,…}},…],
///  "edge":[{"splitLayer":0,"codec":0,"bytes":46080,"wordErrors":1},…],"baselines":[]}
/// ```
public struct Profile: Sendable, Hashable {
  public let header: ProfileHeader
  public let utterances: [ProfiledUtterance]
  /// Position of a (split layer, codec) in every utterance's `edge`, which is brought into this order.
  private let edgeIndex: [EdgeKey: Int]

  private struct EdgeKey: Hashable {
    var splitLayer: Int
    var codec: Int
  }

  /// Reads a file.
  /// - Parameter keepsTranscripts: false saves the memory of what no simulation needs.
  /// - Throws: `ProfileError`.
  public init(path: String, keepsTranscripts: Bool = false) throws(ProfileError) {
    guard FileManager.default.fileExists(atPath: path) else {
      throw .unreadable(path: path, reason: "there is no such file")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, reason: "it is a folder or not readable by this user")
    }
    try self.init(jsonLines: data, path: path, keepsTranscripts: keepsTranscripts)
  }

  /// Reads JSON lines from memory.
  /// - Parameter path: the file's name, for errors.
  /// - Throws: `ProfileError`.
  public init(jsonLines data: Data, path: String, keepsTranscripts: Bool = true)
    throws(ProfileError)
  {
    struct Version: Decodable { var tandemProfile: Int }
    let decoder = JSONDecoder()
    var header: ProfileHeader?
    var utterances: [ProfiledUtterance] = []
    var lines: [Int] = []
    for (index, line) in TextLines.split(data).enumerated() where !line.isEmpty {
      guard header != nil else {
        do {
          let version = try decoder.decode(Version.self, from: Data(line)).tandemProfile
          guard (1...ProfileHeader.currentVersion).contains(version) else {
            throw ProfileError.newerVersion(path: path, found: version)
          }
          header = try decoder.decode(ProfileHeader.self, from: Data(line))
        } catch let error as ProfileError {
          throw error
        } catch {
          throw .notAProfile(path: path, reason: Self.explain(error))
        }
        continue
      }
      do {
        let utterance = try decoder.decode(ProfiledUtterance.self, from: Data(line))
        utterances.append(keepsTranscripts ? utterance : utterance.withoutTranscripts)
        lines.append(index + 1)
      } catch {
        throw .malformedLine(path: path, line: index + 1, reason: Self.explain(error))
      }
    }
    guard let header, !utterances.isEmpty else { throw .empty(path: path) }
    try self.init(header: header, utterances: utterances, path: path, lines: lines)
  }

  /// Checks that every utterance has all that the header promises.
  /// - Throws: `ProfileError`.
  public init(header: ProfileHeader, utterances: [ProfiledUtterance], path: String = "profile")
    throws(ProfileError)
  {
    try self.init(
      header: header, utterances: utterances, path: path,
      lines: utterances.indices.map { $0 + 2 })
  }

  private init(
    header: ProfileHeader, utterances: [ProfiledUtterance], path: String, lines: [Int]
  ) throws(ProfileError) {
    if let reason = Self.flaw(header) { throw .notAProfile(path: path, reason: reason) }
    guard !utterances.isEmpty else { throw .empty(path: path) }
    var keys: [EdgeKey] = []
    for layer in header.splitLayers {
      for codec in header.codecs { keys.append(EdgeKey(splitLayer: layer, codec: codec)) }
    }
    let index = Dictionary(uniqueKeysWithValues: zip(keys, keys.indices))
    var seen: Set<String> = []
    var sorted: [ProfiledUtterance] = []
    for (number, utterance) in utterances.enumerated() {
      let line = lines[number]
      guard seen.insert(utterance.id).inserted else {
        throw .duplicate(path: path, line: line, utterance: utterance.id)
      }
      if let reason = Self.flaw(utterance, header) {
        throw .inconsistent(path: path, line: line, utterance: utterance.id, reason: reason)
      }
      var copy = utterance
      copy.edge.sort {
        (index[EdgeKey(splitLayer: $0.splitLayer, codec: $0.codec)] ?? 0)
          < (index[EdgeKey(splitLayer: $1.splitLayer, codec: $1.codec)] ?? 0)
      }
      sorted.append(copy)
    }
    self.header = header
    self.utterances = sorted
    edgeIndex = index
  }

  /// What the edge path gives for utterance number `utterance`; nil for what was not profiled.
  public func edge(utterance: Int, splitLayer: Int, codec: Int) -> ProfiledUtterance.Edge? {
    edgeIndex[EdgeKey(splitLayer: splitLayer, codec: codec)].map { utterances[utterance].edge[$0] }
  }

  /// Only the utterances for which `isKept` holds; nil if none does.
  /// - Parameter isKept: told an utterance and its position.
  public func filtered(_ isKept: (ProfiledUtterance, Int) -> Bool) -> Profile? {
    let kept = utterances.enumerated().filter { isKept($0.element, $0.offset) }.map(\.element)
    return try? Profile(header: header, utterances: kept)
  }

  /// The file's bytes: sorted keys, so that versions can be compared.
  public func jsonLines() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var data = try encoder.encode(header)
    for utterance in utterances {
      data.append(0x0A)
      data += try encoder.encode(utterance)
    }
    data.append(0x0A)
    return data
  }

  /// Samples to fit a calibration on, for one criterion: what `tandem-evaluate fit-thresholds` sees. The
  /// edge's errors are those at the lowest split layer with the first codec.
  public func calibrationSamples(_ criterion: ConfidenceCriterion) -> [CalibrationSample] {
    utterances.flatMap { utterance in
      utterance.exits.map { exit in
        CalibrationSample(
          utterance: utterance.id, exit: exit.evidence.exit, afterBlock: exit.evidence.afterBlock,
          confidence: exit.evidence.confidence(criterion), wordErrors: exit.wordErrors,
          referenceWords: utterance.referenceWords, edgeWordErrors: utterance.edge[0].wordErrors,
          tokens: exit.evidence.tokenCount, seconds: utterance.seconds)
      }
    }
  }

  private static func flaw(_ header: ProfileHeader) -> String? {
    if header.shape.exits.isEmpty { return "the shape has no exits" }
    if header.shape.framesPerSecond <= 0 { return "framesPerSecond is not positive" }
    if let step = header.prefixSeconds, !(step > 0.01) { return "prefixSeconds is not positive" }
    if let frames = header.chunkFrames, frames < 1 { return "chunkFrames is not positive" }
    if header.dimension < 1 { return "the dimension is not positive" }
    if header.splitLayers.isEmpty || header.codecs.isEmpty {
      return "splitLayers or codecs are empty"
    }
    if Set(header.splitLayers).count < header.splitLayers.count
      || Set(header.codecs).count < header.codecs.count
    {
      return "a split layer or codec stands there twice"
    }
    if let layer = header.splitLayers.first(where: { !(0...header.shape.blockCount).contains($0) })
    {
      return "split layer \(layer), the model has 0 to \(header.shape.blockCount)"
    }
    if let codec = header.codecs.first(where: { !FeatureCodec.table.indices.contains($0) }) {
      return "codec \(codec), this program knows 0 to \(FeatureCodec.table.count - 1)"
    }
    return nil
  }

  private static func flaw(_ utterance: ProfiledUtterance, _ header: ProfileHeader) -> String? {
    guard utterance.seconds > 0, utterance.seconds.isFinite else { return "it lasts no time" }
    guard utterance.referenceWords >= 0 else { return "it has less than 0 words" }
    let points = utterance.exits.map {
      ModelShape.ExitPoint(exit: $0.evidence.exit, afterBlock: $0.evidence.afterBlock)
    }
    guard points == header.shape.exits else { return "its exits are not those of the shape" }
    guard utterance.exits.allSatisfy({ $0.wordErrors >= 0 && $0.evidence.frameEntropy.isFinite })
    else { return "an exit has less than 0 errors, or an entropy that is no number" }
    guard utterance.edge.count == header.splitLayers.count * header.codecs.count,
      Set(utterance.edge.map { [$0.splitLayer, $0.codec] }).count == utterance.edge.count,
      utterance.edge.allSatisfy({
        header.splitLayers.contains($0.splitLayer) && header.codecs.contains($0.codec)
      })
    else { return "its edge results are not one a split layer and codec" }
    guard
      utterance.edge.allSatisfy({ $0.bytes > 0 && $0.wordErrors >= 0 && ($0.operations ?? 0) >= 0 })
    else { return "an edge result has no bytes, or less than 0 errors" }
    guard utterance.baselines.map(\.name) == header.baselines,
      utterance.baselines.allSatisfy({ $0.bytes > 0 && $0.wordErrors >= 0 })
    else { return "its baselines are not those of the header" }
    if let step = header.prefixSeconds {
      let expected = max(0, Int((utterance.seconds / step - 1e-9).rounded(.up)) - 1)
      guard let prefixes = utterance.prefixes, prefixes.count == expected else {
        return "it has \(utterance.prefixes?.count ?? 0) prefixes, its length asks for \(expected)"
      }
      for prefix in prefixes {
        guard prefix.exits.isEmpty || prefix.exits.map(\.exit) == header.shape.exits.map(\.exit),
          prefix.exits.allSatisfy(\.frameEntropy.isFinite)
        else { return "a prefix's exits are not those of the shape" }
      }
    }
    return nil
  }

  private static func explain(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "it lacks '\(key.stringValue)'"
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .dataCorrupted(let context):
      (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: ": ")
    default: "\(error)"
    }
  }
}
