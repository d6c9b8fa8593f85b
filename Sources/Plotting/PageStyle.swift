/// How pages and pictures look; light, and without anything from outside.
public enum PageStyle {
  /// What drawings need wherever they stand.
  static let drawing = """
    .grid { stroke: #dfe4ea; stroke-width: 1; }
    .tick { font-size: 11px; fill: #5b6675; }
    .axis { font-size: 12px; fill: #1c2430; }
    .mark { font-size: 11px; fill: #1c2430; }
    """

  static let page = """
    :root { --ink: #1c2430; --dim: #5b6675; --line: #dfe4ea; --paper: #ffffff; --soft: #f5f7fa; }
    body { margin: 0; background: var(--soft); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 60px; background: var(--paper); }
    h1 { font-size: 1.6rem; margin: 0 0 4px; }
    h2 { font-size: 1.2rem; margin: 36px 0 6px; }
    p { margin: 6px 0 10px; max-width: 76ch; }
    .dim { color: var(--dim); }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: 0.86rem; width: 100%; }
    th, td { padding: 5px 8px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
    th { vertical-align: bottom; font-weight: 600; white-space: normal; }
    figure { margin: 10px 0 22px; display: flex; gap: 14px; align-items: flex-start; flex-wrap: wrap; }
    figure > svg { flex: 1 1 560px; min-width: 0; max-width: 720px; height: auto; }
    .legend { list-style: none; margin: 8px 0 0; padding: 0; font-size: 0.82rem; flex: 0 1 240px; }
    .legend li { display: flex; gap: 8px; align-items: center; }
    .key { width: 26px; height: 8px; flex: none; overflow: visible; }
    """

  /// Drawings shrink with a narrow window; what is written in them must not.
  static let narrow = """
    @media (max-width: 640px) {
      main { padding: 16px 12px 40px; }
      figure > svg { flex-basis: 100%; }
      .tick { font-size: 17px; }
      .axis { font-size: 18px; }
    }
    """
}
