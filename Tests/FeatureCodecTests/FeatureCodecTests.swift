import FeatureCodec
import Testing

/// Seeded, so that a failing case can be run again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite struct FeatureCodecTests {
  @Test func indicesAreTheTablesPositions() throws {
    #expect(FeatureCodec.table.map(\.index) == Array(FeatureCodec.table.indices))
    #expect(FeatureCodec.names == ["float32", "int8"])
    #expect(try FeatureCodec.named("int8").index == 1)
    #expect(try FeatureCodec.at(0).isLossless)
  }

  @Test func unknownCodecsAreNamedWithTheKnownOnes() {
    #expect(throws: FeatureCodecError.unknownIndex(9)) { try FeatureCodec.at(9) }
    #expect(throws: FeatureCodecError.unknownIndex(-1)) { try FeatureCodec.at(-1) }
    #expect(throws: FeatureCodecError.unknownName("opus")) { try FeatureCodec.named("opus") }
    #expect("\(FeatureCodecError.unknownName("opus"))".contains("float32, int8"))
  }

  /// Frozen: if this changes, devices and edges in the field refuse each other.
  @Test func fingerprintIsFrozen() {
    #expect(
      FeatureCodec.fingerprint
        == "ffa6f8abc510885019856db54ea85de1fe6e6e09287855aac29d49574801b4c0")
  }

  @Test func frozenBytes() throws {
    let frames: [Float] = [1, -2, 0.5, 0, 0, 0, 127, -63.5, 0.5]
    let float32 = try FeatureEncoder(codec: FeatureCodec.at(0), dimension: 3)
    #expect(
      try float32.encode(frames: Array(frames[0..<3]))
        == [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0, 0, 0x3F])
    let int8 = try FeatureEncoder(codec: FeatureCodec.at(1), dimension: 3)
    // Scale 2/127 = 0x3C810204; then a zero frame; then scale 1 with two ties that go to even.
    #expect(
      try int8.encode(frames: frames) == [
        0x04, 0x02, 0x81, 0x3C, 64, 0x81, 32,
        0, 0, 0, 0, 0, 0, 0,
        0, 0, 0x80, 0x3F, 127, 0xC0, 0,
      ])
  }

  @Test func losslessRoundTripKeepsEveryBit() throws {
    var generator = SplitMix(seed: 1)
    let codec = try FeatureCodec.at(0)
    for dimension in [1, 2, 7, 144] {
      let frames = (0..<dimension * 13).map { _ in
        var value = Float.nan
        while !value.isFinite {
          value = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
        }
        return value
      }
      let payload = try FeatureEncoder(codec: codec, dimension: dimension).encode(frames: frames)
      #expect(payload.count == 13 * codec.bytesPerFrame(dimension: dimension))
      let back = try FeatureDecoder(codec: codec).decode(payload, frames: 13, dimension: dimension)
      #expect(back.map(\.bitPattern) == frames.map(\.bitPattern))
    }
  }

  /// The error is at most half a step, from the subnormal numbers to the largest.
  @Test func int8ErrorIsAtMostHalfAStep() throws {
    var generator = SplitMix(seed: 2)
    let codec = try FeatureCodec.at(1)
    let dimension = 24
    let encoder = try FeatureEncoder(codec: codec, dimension: dimension)
    for _ in 0..<4000 {
      let exponent = Int.random(in: -149...127, using: &generator)
      let size = Float(sign: .plus, exponent: exponent, significand: 1)
      let frame = (0..<dimension).map { _ in
        let value = Float.random(in: -1.999...1.999, using: &generator) * size
        return value.isFinite ? value : Float.greatestFiniteMagnitude
      }
      let payload = try encoder.encode(frames: frame)
      let scale = Float(
        bitPattern: payload[0..<4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
      let back = try FeatureDecoder(codec: codec).decode(payload, frames: 1, dimension: dimension)
      for (value, decoded) in zip(frame, back) {
        let error = abs(Double(value) - Double(decoded))
        let rounding = Double(decoded.ulp) + Double(scale) * 127 * 1e-7
        #expect(error <= Double(scale) / 2 + rounding, "\(value) became \(decoded), scale \(scale)")
      }
    }
  }

  @Test func extremesSurviveInt8() throws {
    let codec = try FeatureCodec.at(1)
    let largest = Float.greatestFiniteMagnitude
    let smallest = Float.leastNonzeroMagnitude
    let frames: [Float] = [largest, -largest, smallest, -smallest, 0, -0.0]
    let payload = try FeatureEncoder(codec: codec, dimension: 2).encode(frames: frames)
    let back = try FeatureDecoder(codec: codec).decode(payload, frames: 3, dimension: 2)
    #expect(abs(back[0] / largest - 1) < 0.01)
    #expect(back[1] == -back[0])
    #expect(Array(back[2...]) == [smallest, -smallest, 0, 0])
  }

  @Test func decodingIsStableUnderReencoding() throws {
    var generator = SplitMix(seed: 3)
    let codec = try FeatureCodec.at(1)
    let frames = (0..<144 * 50).map { _ in Float.random(in: -4...4, using: &generator) }
    let encoder = try FeatureEncoder(codec: codec, dimension: 144)
    let decoder = FeatureDecoder(codec: codec)
    let once = try decoder.decode(encoder.encode(frames: frames), frames: 50, dimension: 144)
    let twice = try decoder.decode(encoder.encode(frames: once), frames: 50, dimension: 144)
    for (first, second) in zip(once, twice) { #expect(abs(first - second) <= 1e-6) }
  }

  @Test func featuresThatAreNotFiniteAreRefusedByPlace() throws {
    for codec in FeatureCodec.table {
      let encoder = try FeatureEncoder(codec: codec, dimension: 3)
      for bad in [Float.nan, .infinity, -.infinity, .signalingNaN] {
        #expect(throws: FeatureCodecError.nonFiniteFeature(frame: 1, column: 2)) {
          try encoder.encode(frames: [1, 2, 3, 4, 5, bad])
        }
      }
      #expect(throws: FeatureCodecError.partialFrame(values: 4, dimension: 3)) {
        try encoder.encode(frames: [1, 2, 3, 4])
      }
      #expect(try encoder.encode(frames: []) == [])
    }
    #expect(throws: FeatureCodecError.notPositive(what: "the feature dimension", value: 0)) {
      try FeatureEncoder(codec: FeatureCodec.at(0), dimension: 0)
    }
  }

  @Test func damagedPayloadsAreRefusedByName() throws {
    let int8 = FeatureDecoder(codec: try FeatureCodec.at(1))
    let float32 = FeatureDecoder(codec: try FeatureCodec.at(0))
    #expect(
      throws: FeatureCodecError.wrongPayloadSize(codec: "int8", expected: 14, found: 13, frames: 2)
    ) { try int8.decode([UInt8](repeating: 0, count: 13), frames: 2, dimension: 3) }
    #expect(throws: FeatureCodecError.self) {
      try int8.decode([], frames: Int.max / 2, dimension: 8)
    }
    #expect(throws: FeatureCodecError.self) { try int8.decode([], frames: -1, dimension: 3) }
    #expect(throws: FeatureCodecError.self) { try int8.decode([], frames: 1, dimension: Int.max) }
    #expect(throws: FeatureCodecError.self) { try float32.decode([], frames: 0, dimension: 0) }
    #expect(throws: FeatureCodecError.negativeScale(frame: 0)) {
      try int8.decode([0, 0, 0x80, 0xBF, 1, 2, 3], frames: 1, dimension: 3)
    }
    for notFinite: [UInt8] in [[0, 0, 0xC0, 0x7F], [0, 0, 0x80, 0x7F], [0, 0, 0x80, 0xFF]] {
      #expect(throws: FeatureCodecError.nonFinitePayload(codec: "int8", frame: 0)) {
        try int8.decode(notFinite + [1, 2, 3], frames: 1, dimension: 3)
      }
      #expect(throws: FeatureCodecError.nonFinitePayload(codec: "float32", frame: 0)) {
        try float32.decode(notFinite, frames: 1, dimension: 1)
      }
    }
    #expect(throws: FeatureCodecError.valueOutOfRange(frame: 0, column: 1)) {
      try int8.decode([0, 0, 0x80, 0x3F, 1, 0x80, 3], frames: 1, dimension: 3)
    }
    // A finite scale whose product would not be.
    #expect(throws: FeatureCodecError.nonFinitePayload(codec: "int8", frame: 0)) {
      try int8.decode([0xFF, 0xFF, 0x7F, 0x7F, 127], frames: 1, dimension: 1)
    }
  }

  /// Whatever the bytes: an error or finite values, never a crash.
  @Test func randomBytesNeverCrash() throws {
    var generator = SplitMix(seed: 4)
    var accepted = 0
    for _ in 0..<20_000 {
      let codec = FeatureCodec.table.randomElement(using: &generator)!
      let dimension = Int.random(in: 1...9, using: &generator)
      let frames = Int.random(in: 0...4, using: &generator)
      let size =
        Bool.random(using: &generator)
        ? frames * codec.bytesPerFrame(dimension: dimension)
        : Int.random(in: 0...200, using: &generator)
      let payload = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let decoded = try? FeatureDecoder(codec: codec).decode(
        payload, frames: frames, dimension: dimension)
      if let decoded {
        accepted += 1
        #expect(decoded.count == frames * dimension)
        #expect(!decoded.contains { !$0.isFinite })
      }
    }
    #expect(accepted > 1000)
  }
}
