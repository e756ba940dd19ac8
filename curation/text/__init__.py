"""From bytes to words: charset, extraction, edits, the words view."""
