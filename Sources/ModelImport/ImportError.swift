/// What can be wrong with weights from elsewhere: the file, the place in it, what is wrong there, and what to do.
public struct ImportError: Error, CustomStringConvertible, Equatable {
  public var path: String
  /// A tensor, a byte or a key; nil where the whole file is meant.
  public var place: String?
  public var problem: String
  public var remedy: String

  public init(path: String, place: String? = nil, problem: String, remedy: String) {
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  public var description: String {
    path + (place.map { ", \($0)" } ?? "") + ": " + problem + ". " + remedy
  }

  static let fetchAgain = "The file is damaged or incomplete: fetch it again."
}
