"""Signals about a text's quality and the gates that judge them."""
