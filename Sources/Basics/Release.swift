/// Which release this is: what `--version` prints and an edge says of itself.
public enum Release {
  public static let version = "0.1.0"
}
