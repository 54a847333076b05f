"""The Fencepost gateway: ingest, decision core, stores, workers, command line."""
