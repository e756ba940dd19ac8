"""Human review in Label Studio: questions of a run to people, and their answers back."""
