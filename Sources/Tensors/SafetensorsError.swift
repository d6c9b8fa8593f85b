/// What can be wrong with a safetensors file, each with the file and the remedy.
public enum SafetensorsError: Error, CustomStringConvertible, Equatable {
  case unreadable(path: String, reason: String)
  case truncated(path: String, bytes: Int, needed: Int)
  case badHeader(path: String, reason: String)
  case missing(path: String, tensor: String)
  case misshapen(path: String, tensor: String, expected: [Int], found: [Int])
  case nonFinite(path: String, tensor: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "weights file \(path) cannot be read: \(reason). Check the model folder, or fetch the model again."
    case .truncated(let path, let bytes, let needed):
      "weights file \(path) is truncated: it has \(bytes) bytes and its header speaks of \(needed). Fetch the model again."
    case .badHeader(let path, let reason):
      "weights file \(path) has a bad safetensors header: \(reason). Export the model again."
    case .missing(let path, let tensor):
      "weights file \(path) lacks the tensor \(tensor). Export the model again with this version's tandem_training."
    case .misshapen(let path, let tensor, let expected, let found):
      "weights file \(path): tensor \(tensor) has shape \(found), but model.json implies \(expected). Export the model again."
    case .nonFinite(let path, let tensor):
      "weights file \(path): tensor \(tensor) holds a value that is not finite. The training diverged or the file is damaged; export an earlier checkpoint."
    }
  }
}
