"""Beam graphs, job specs, the run directory, the command."""
