"""Documents made from documents: by rules, or by a model."""
