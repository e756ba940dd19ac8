"""Training, calibrating and evaluating classifiers of documents: `gristmill classifier`."""
