"""Board definitions: one file a board.  None is built yet (``docs/status.md``)."""
