"""Reads exported shards, and trains on them."""
