"""One module per change of the schema, oldest first; never edited after a release."""
