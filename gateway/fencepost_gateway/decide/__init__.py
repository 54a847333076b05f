"""The pure core: what wants to be sent, and whether it may. No clock, no chance, no I/O."""
