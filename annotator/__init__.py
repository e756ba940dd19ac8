"""Human review in Label Studio. Empty so far: a run writes `review/`, and nothing here reads it yet."""
