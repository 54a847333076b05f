"""Memory (reference) and SQLite (embedded) behind one port."""
