"""Overlap of texts with evaluation sets: an index of their runs of words, what a text has of it, and cuts."""
