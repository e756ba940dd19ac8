"""A pure library of curation steps on Arrow batches: no Beam, no network, no clock, no printing."""
