"""Commands of ``fencepost``, a module for each group; ``__main__`` puts them together."""
