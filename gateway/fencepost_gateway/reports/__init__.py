"""Reports: what has been counted, in figures and advice. Nothing here decides anything."""
