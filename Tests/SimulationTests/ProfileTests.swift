import Foundation
import Testing

@testable import Simulation

@Suite struct ProfileTests {
  private func lines() throws -> [String] {
    String(decoding: try Fixtures.profile(utterances: 3).jsonLines(), as: UTF8.self)
      .split(separator: "\n").map(String.init)
  }

  private func error(_ lines: [String]) -> ProfileError? {
    do throws(ProfileError) {
      _ = try Profile(jsonLines: Data(lines.joined(separator: "\n").utf8), path: "p")
      return nil
    } catch { return error }
  }

  @Test func whatIsWrittenIsRead() throws {
    let profile = try Fixtures.profile(utterances: 5)
    #expect(try Profile(jsonLines: profile.jsonLines(), path: "p") == profile)
    let edge = try #require(profile.edge(utterance: 2, splitLayer: 8, codec: 1))
    #expect(edge.splitLayer == 8 && edge.codec == 1)
    #expect(profile.edge(utterance: 2, splitLayer: 3, codec: 1) == nil)
  }

  @Test func theOrderOfEdgeResultsDoesNotMatter() throws {
    let profile = try Fixtures.profile(utterances: 2)
    var shuffled = profile.utterances
    shuffled[1].edge.reverse()
    let read = try Profile(header: profile.header, utterances: shuffled)
    #expect(read == profile)
  }

  @Test func whatIsWrongIsNamed() throws {
    let good = try lines()
    #expect(error([]) == .empty(path: "p"))
    #expect(error([good[0]]) == .empty(path: "p"))
    #expect(
      error([good[0].replacingOccurrences(of: "\"tandemProfile\":1", with: "\"tandemProfile\":9")])
        == .newerVersion(path: "p", found: 9))
    guard case .notAProfile = error(["{\"a\":1}"]) else {
      Issue.record("a foreign head must be named")
      return
    }
    guard case .malformedLine(_, 3, _) = error([good[0], good[1], "{}"]) else {
      Issue.record("a broken line must be named")
      return
    }
    #expect(
      error([good[0], good[1], good[1]]) == .duplicate(path: "p", line: 3, utterance: "synthetic-0")
    )
    let profile = try Fixtures.profile(utterances: 2)
    func flaw(_ change: (inout ProfiledUtterance) -> Void) -> Bool {
      var utterances = profile.utterances
      change(&utterances[1])
      do throws(ProfileError) {
        _ = try Profile(header: profile.header, utterances: utterances)
        return false
      } catch {
        if case .inconsistent(_, 3, "synthetic-1", _) = error { return true }
        return false
      }
    }
    #expect(flaw { $0.exits.removeLast() })
    #expect(flaw { $0.edge.removeLast() })
    #expect(flaw { $0.edge[0].codec = 1 })
    #expect(flaw { $0.edge[0].bytes = 0 })
    #expect(flaw { $0.exits[0].wordErrors = -1 })
    #expect(flaw { $0.seconds = 0 })
    #expect(flaw { $0.baselines = [] })
    #expect(throws: ProfileError.unreadable(path: "/nowhere", reason: "there is no such file")) {
      try Profile(path: "/nowhere")
    }
  }

  @Test func unknownCodecsAndLayersAreRefused() throws {
    let profile = try Fixtures.profile(utterances: 2)
    for change in [
      { (header: inout ProfileHeader) in header.codecs = [0, 99] },
      { $0.splitLayers = [0, 9] }, { $0.splitLayers = [] }, { $0.codecs = [1, 1] },
    ] as [(inout ProfileHeader) -> Void] {
      var header = profile.header
      change(&header)
      #expect(throws: ProfileError.self) {
        try Profile(header: header, utterances: profile.utterances)
      }
    }
  }
}
