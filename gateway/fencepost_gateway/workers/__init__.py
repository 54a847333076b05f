"""The loops: pipeline, timers, deliver."""
