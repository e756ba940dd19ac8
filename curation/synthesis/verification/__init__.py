"""Whether a text that a model wrote says what its parent says: signals of both, judged by a gate."""
