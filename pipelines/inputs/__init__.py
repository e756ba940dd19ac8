"""Opening and reading inputs: from files of any format to record batches of `curation.schema.READ`."""
