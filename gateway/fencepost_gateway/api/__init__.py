"""The whole HTTP surface as one route table."""
