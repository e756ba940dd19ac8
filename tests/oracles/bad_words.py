"""Listed words of a text the slow way: one pattern of all entries, the longest first, at the bounds of words."""

import re


def listed(text: str, entries: list[str]) -> list[str]:
    """Returns the entries in a text, in lower case, in order and apart from one another."""
    ordered = sorted((entry for entry in entries if re.search(r"\w", entry)), key=lambda entry: -len(entry))
    pattern = "|".join(re.escape(entry).replace(r"\ ", r"\s+") for entry in ordered)
    found = re.findall(rf"(?<!\w)(?:{pattern})(?!\w)", text.lower())
    return [re.sub(r"\s+", " ", match) for match in found]
