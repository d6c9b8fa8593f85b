import Foundation
import Kernels
import Testing

@Suite("Kernels against their plain-loop oracles")
struct KernelTests {
  func random(_ count: Int, scale: Float = 3, seed: UInt64 = 1) -> [Float] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return (Float(state >> 40) / Float(1 << 24) - 0.5) * 2 * scale
    }
  }

  func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(arguments: [1, 7, 16, 33, 144, 577])
  func silu(count: Int) {
    var fast = random(count, scale: 100)
    var slow = fast
    tandem_silu(&fast, count)
    tandem_silu_oracle(&slow, count)
    #expect(zip(fast, slow).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($1)) })
  }

  @Test(arguments: [1, 7, 16, 33, 577])
  func gelu(count: Int) {
    for scale: Float in [0.01, 1, 8, 700] {
      var fast = random(count, scale: scale)
      var slow = fast
      tandem_gelu(&fast, count)
      tandem_gelu_oracle(&slow, count)
      #expect(zip(fast, slow).allSatisfy { abs($0 - $1) <= 4e-7 * max(1, abs($1)) })
    }
  }

  @Test(arguments: [1, 15, 16, 144])
  func gatedLinearUnit(columns: Int) {
    let x = random(6 * columns, scale: 20)
    var fast = [Float](repeating: 0, count: 3 * columns)
    var slow = fast
    tandem_gated_linear_unit(x, &fast, 3, columns)
    tandem_gated_linear_unit_oracle(x, &slow, 3, columns)
    #expect(largestDifference(fast, slow) < 2e-5)
  }

  @Test(arguments: [1, 15, 16, 17, 144, 191])
  func layerNorm(columns: Int) {
    let x = random(5 * columns, scale: 50)
    let weight = random(columns, seed: 2)
    let bias = random(columns, seed: 3)
    var fast = [Float](repeating: 0, count: x.count)
    var slow = fast
    tandem_layer_norm(x, &fast, weight, bias, 5, columns)
    tandem_layer_norm_oracle(x, &slow, weight, bias, 5, columns)
    #expect(largestDifference(fast, slow) < 2e-5)
  }

  @Test(arguments: [1, 5, 16, 72, 401])
  func softmax(columns: Int) {
    var fast = random(4 * columns, scale: 30)
    var slow = fast
    tandem_softmax(&fast, 4, columns, 0.25)
    tandem_softmax_oracle(&slow, 4, columns, 0.25)
    #expect(largestDifference(fast, slow) < 1e-6)
    for row in 0..<4 {
      let sum = fast[(row * columns)..<((row + 1) * columns)].reduce(0, +)
      #expect(abs(sum - 1) < 1e-5)
    }
  }

  @Test(arguments: [(1, 3), (16, 15), (144, 15), (50, 1)])
  func depthwise(columns: Int, kernel: Int) {
    let x = random((9 + kernel - 1) * columns)
    let weight = random(kernel * columns, seed: 2)
    let bias = random(columns, seed: 3)
    var fast = [Float](repeating: 0, count: 9 * columns)
    var slow = fast
    tandem_depthwise(x, weight, bias, &fast, 9, columns, kernel)
    tandem_depthwise_oracle(x, weight, bias, &slow, 9, columns, kernel)
    #expect(largestDifference(fast, slow) < 1e-4)
  }

  @Test("Every half there is widens to what Swift's Float16 says")
  func widenHalf() {
    let halves = (0...UInt16.max).map { $0 }
    var out = [Float](repeating: 0, count: halves.count)
    tandem_widen_f16(halves, &out, halves.count)
    #expect(
      zip(halves, out).allSatisfy { half, value in
        let expected = Float(Float16(bitPattern: half))
        return expected.isNaN ? value.isNaN : value.bitPattern == expected.bitPattern
      })
  }

  @Test func widenBrainFloat() {
    var out = [Float](repeating: 0, count: 3)
    tandem_widen_bf16([0x3f80, 0xc000, 0x7f80], &out, 3)
    #expect(out == [1, -2, .infinity])
  }

  @Test func findsWhatIsNotFinite() {
    var x = random(100)
    #expect(tandem_all_finite(x, 100))
    x[99] = .nan
    #expect(!tandem_all_finite(x, 100))
    x[99] = -.infinity
    #expect(!tandem_all_finite(x, 100))
  }

  @Test("The power spectrum of a cosine lies in its bin, and Parseval's sum holds")
  func powerSpectrum() {
    let samples = (0..<512).map { cos(2 * Double.pi * 37 * Double($0) / 512) }
    var power = [Double](repeating: 0, count: 257)
    var scratch = [Double](repeating: 0, count: 1024)
    tandem_power_spectrum_512(samples, &power, &scratch)
    #expect(abs(power[37] - 256 * 256) < 1e-6)
    #expect(power.enumerated().allSatisfy { $0.offset == 37 || $0.element < 1e-9 })
    let noise = random(512).map(Double.init)
    tandem_power_spectrum_512(noise, &power, &scratch)
    let inTime = noise.map { $0 * $0 }.reduce(0, +) * 512
    let inFrequency = power[0] + power[256] + 2 * power[1..<256].reduce(0, +)
    #expect(abs(inTime - inFrequency) < 1e-6 * inTime)
  }
}
