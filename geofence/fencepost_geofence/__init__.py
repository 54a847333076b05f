"""Geofences: shapes, index, membership. Pure; imports nothing, so that the SDK can use parts."""
