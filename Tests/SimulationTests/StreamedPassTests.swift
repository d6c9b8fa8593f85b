import Testing

@testable import Offload
@testable import Simulation

/// The inference thread while the user speaks: what it has done by when.
@Suite struct StreamedPassTests {
  /// 30 frames in chunks of 8: three whole chunks, and 6 frames that are heard last.
  static func pass(_ blocks: Int, speed: Double, ended: Double = 11.2) -> StreamedPass {
    StreamedPass(
      shape: Fixtures.shape, speed: speed, frames: 30, chunkFrames: 8, began: 10, ended: ended,
      blocks: blocks)
  }

  @Test func aFastDeviceHasOnlyTheEndLeft() {
    var pass = Self.pass(4, speed: 1e12)
    let rest = pass.finish(to: 0)
    #expect(rest.framesLeft == [6, 6, 6, 6, 30, 30, 30, 30])
    #expect(rest.headFramesLeft == rest.framesLeft)
    #expect(abs(rest.start - 11.2) < 1e-4)
  }

  /// A step takes 0.04 s: front end and two blocks of a chunk are computed 0.12 s after it was heard, whatever is
  /// asked for beyond, but for the step that is under way.
  @Test func whatWasHeardLastDoesNotWaitForDeeperBlocks() {
    for blocks in [2, 6, 8] {
      var pass = Self.pass(blocks, speed: 8e6 / 0.04)
      pass.run(until: 10.96 + 0.04 + 0.13)
      #expect(pass.chunks(at: 2) == 3, "\(blocks) blocks")
    }
  }

  @Test func deeperBlocksCatchUp() {
    var pass = Self.pass(2, speed: 8e6 / 0.01)
    pass.run(until: 10.9)
    #expect(pass.chunks(at: 2) == 2)
    #expect(pass.chunks(at: 8) == 0)
    pass.deepen(to: 8, at: 10.9)
    // Six blocks of two chunks, and all of the third, which is heard meanwhile and goes first: 21 steps, and the heads of
    // exits, each 6 % of a block.
    pass.run(until: 10.96 + 0.03)
    #expect(pass.chunks(at: 2) == 3)
    #expect(pass.chunks(at: 8) == 0)
    pass.run(until: 10.9 + 20 * 0.01)
    #expect(pass.chunks(at: 8) < 3)
    pass.run(until: 10.9 + 21 * 0.0106)
    #expect(pass.chunks(at: 8) == 3)
    #expect(pass.frames(at: 8) == 24)
  }

  /// However it is cut, the same work is done: what is left and what was done make all of it.
  @Test(arguments: [1, 2, 3, 5, 8, 13].map { Double($0) * 1e8 })
  func noWorkIsLost(speed: Double) {
    for blocks in 0...8 {
      var pass = Self.pass(blocks, speed: speed)
      for time in stride(from: 10.05, to: 11.2, by: 0.05) { pass.run(until: time) }
      let done = (1...8).map { pass.frames(at: $0) }
      var whole = Self.pass(blocks, speed: speed)
      let rest = whole.finish(to: 3)
      for block in 0..<8 {
        #expect(rest.framesLeft[block] == 0 || block >= 3)
        #expect(rest.headFramesLeft[block] <= 30 - done[block])
        #expect(block < blocks || rest.headFramesLeft[block] == 30)
      }
      #expect(rest.start >= 11.2)
    }
  }
}
