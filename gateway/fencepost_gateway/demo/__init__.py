"""The demonstration: a generated town, people who walk it with the real SDK, two views of it."""
