import GRDB

extension Schema {
  /// Version 3: the columns `speculation` and `bytesAhead`; in `decisionsJson` a decision's `context` may hold what was
  /// computed and sent by then (`streamed`; since 2026-11-22 with `framesLeft`, by block, which older readers pass over). Rows of older versions stay as they are: both columns are NULL.
  static func registerSpeculation(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("3") { database in
      try database.execute(
        sql: """
          -- 'kept', 'withdrawn' or 'lost'; NULL: nothing was sent while the user spoke
          ALTER TABLE utterance ADD COLUMN speculation TEXT;
          -- bytes that had left the device when the user stopped speaking
          ALTER TABLE utterance ADD COLUMN bytesAhead INTEGER;
          UPDATE schema SET version = 3;
          """)
    }
  }
}
