"""Personal data and secrets: where they are in a text, and texts without them."""
