"""Human review without a server: whom to ask, what answers mean, what they say about rules and reviewers."""
