"""URLs as data: credentials taken out before anything is hashed, stored, logged or quoted; the site of a page."""

import re
from urllib.parse import urlsplit

_AUTHORITY = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*:)?//([^/?#\\]*)")
_CREDENTIAL_KEY = re.compile(
    r"(?:x-(?:amz|goog)-(?:signature|credential|security-token)|awsaccesskeyid|googleaccessid|signature|sig|"
    r"(?:access|auth|refresh|id|session|api|private|csrf|oauth|bearer|security)?[_\-]?token|"
    r"(?:api|access|auth|secret|private|account|client|subscription)[_\-]?(?:key|secret)|key|secret|"
    r"password|passwd|pwd|pass|auth|authorization|credentials?|jwt|sid|session_?id|jsessionid|phpsessid)",
    re.I,
)
"""Query keys that carry a credential: cloud signatures (AWS, GCS, Azure SAS), tokens, keys, passwords, session ids."""


def strip_credentials(url: str) -> str:
    """Returns `url` without user-info and without query (or fragment) parameters that carry credentials.

    All else is left as it is, character by character; what is no URL at all passes unchanged.
    """
    if "@" in url:
        url = _AUTHORITY.sub(_without_userinfo, url, count=1)
    if "=" not in url:
        return url
    head, mark, fragment = url.partition("#")
    base, question, query = head.partition("?")
    return base + _cleaned(question, query) + _cleaned(mark, fragment)


def site_of(url: str | None) -> str | None:
    """Returns the host of an http(s) URL, lower case, without `www.`, port and user-info; None where there is none."""
    if url is None or not url[:8].lower().startswith(("http://", "https://")):
        return None
    try:
        host = urlsplit(url).hostname
    except ValueError:  # e.g. an unclosed "[": real crawls hold them
        return None
    return (host or "").rstrip(".").removeprefix("www.") or None


def _without_userinfo(match: re.Match[str]) -> str:
    return f"{match.group(1) or ''}//{match.group(2).rpartition('@')[2]}"


def _cleaned(mark: str, query: str) -> str:
    if "=" not in query:
        return mark + query
    kept = [part for part in query.split("&") if not _CREDENTIAL_KEY.fullmatch(part.partition("=")[0])]
    return mark + "&".join(kept) if kept else ""
