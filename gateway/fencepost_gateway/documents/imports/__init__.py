"""Imports: fences from files that other tools write, and back."""
