"""Asking a model: the seam, an OpenAI-compatible endpoint, answers that are kept, and how many are asked at once."""
