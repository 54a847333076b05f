"""The built-in drivers, one file each, found through the same entry points as third parties'."""
