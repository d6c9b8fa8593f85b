import Foundation

/// Writes settings as nested YAML.
public enum SettingsDocument {
  /// A file that documents every key and sets each to its default: how the files in `Config/` are made,
  /// so that they cannot disagree with the code.
  public static func documented(keys: [SettingKey], header: String) -> String {
    comment(header, indent: "") + "\n"
      + write(keys: keys) { key in
        (
          comment: key.documentation
            + ([.string, .path].contains(key.kind) ? "" : " Takes \(key.kind.description)."),
          line: "\(key.defaultValue)"
        )
      }
  }

  /// Writes every key; keys of one section must stand together.
  static func write(
    keys: [SettingKey], _ content: (SettingKey) -> (comment: String?, line: String)
  ) -> String {
    var text = ""
    var open: [String] = []
    for (index, key) in keys.enumerated() {
      let parts = key.name.split(separator: ".").map(String.init)
      let sections = parts.dropLast()
      let common = zip(open, sections).prefix { $0 == $1 }.count
      let content = content(key)
      if content.comment != nil, index > 0 { text += "\n" }
      for depth in common..<sections.count {
        text += String(repeating: "  ", count: depth) + parts[depth] + ":\n"
      }
      open = Array(sections)
      let indent = String(repeating: "  ", count: sections.count)
      if let words = content.comment { text += comment(words, indent: indent) }
      text += "\(indent)\(parts[parts.count - 1]): \(content.line)\n"
    }
    return text
  }

  /// Wraps at 100 columns; an empty line in `words` separates paragraphs, other line ends do not count.
  private static func comment(_ words: String, indent: String) -> String {
    var text = ""
    for (index, paragraph) in words.components(separatedBy: "\n\n").enumerated() {
      if index > 0 { text += "\(indent)#\n" }
      var line = "\(indent)#"
      for word in paragraph.split(whereSeparator: \.isWhitespace) {
        if line.count + 1 + word.count > 100 {
          text += line + "\n"
          line = "\(indent)#"
        }
        line += " \(word)"
      }
      text += line + "\n"
    }
    return text
  }
}
