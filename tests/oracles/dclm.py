"""DCLM's edits as it wrote them (`baselines/mappers/modifiers.py`), both patterns in one, white space that of ASCII."""

import re

SPACE = r"[\t-\r\x1c-\x20]{0,10}"
REST = r"[-a-zA-Z0-9()@:%_\+.~#?&//=]*"


def without_urls(text: str, tlds: list[str]) -> str:
    """Returns the text without URLs and IP addresses."""
    names = "|".join(map(re.escape, sorted(tlds, key=len, reverse=True)))
    url = rf"{SPACE}(?:(?:https?|ftp)://)?[-a-zA-Z0-9@:%._\+~#=]{{1,256}}\.(?:{names})\b{REST}"
    address = rf"{SPACE}\b(?:(?:https?|ftp)://)?(?:[0-2]?[0-9]{{1,2}}\.){{3}}[0-2]?[0-9]{{1,2}}{REST}"
    return re.sub(f"{url}|{address}", "", text)


def shorter_runs(text: str, most: int) -> str:
    """Returns the text with runs of more than `most` line feeds shortened."""
    return re.sub(rf"\n{{{most + 1},}}", "\n" * most, text)
