"""What a run learns from people: how far to trust them, how often its rules are right, and what to change."""
