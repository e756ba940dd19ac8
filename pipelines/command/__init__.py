"""The command `gristmill`: parsing and printing; the work is done by `pipelines`."""
