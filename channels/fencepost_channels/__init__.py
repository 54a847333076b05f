"""Message drivers. They know no gateway, no journey and no database."""
