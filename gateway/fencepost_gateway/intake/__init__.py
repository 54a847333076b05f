"""From a wire batch to a verdict per event."""
