"""Which documents are the same, and which copy stays."""
