"""Starts real services on real frameworks and holds the checker to what it finds on them."""
