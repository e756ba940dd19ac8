"""The normal form of a URL: two documents of one normal form were fetched from one page.

By w3lib (`canonicalize_url`): host in lower case and IDNA, percent escapes in upper case and only where they are
needed, `.` and `..` resolved, query parameters sorted, no fragment. By us, on top: `http` and `https` are the same,
no default port, no dot after the host, no user name or password, no tracking parameters. `www.`, a slash at
the end, the order of path segments and the case of the path count: servers do tell them apart.
"""

import re
from urllib.parse import urlsplit

from w3lib.url import canonicalize_url

TRACKING = re.compile(
    r"(?:utm|hsa|mtm|pk|piwik|matomo|vero|oly)_[a-z_]+|mc_[ce]id|_ga|_gl|_hsenc|_hsmi|gclsrc|wbraid|gbraid|igshid|"
    r"(?:g|d|fb|y|tw|tt)clid|msclkid|li_fat_id|mkt_tok|s_cid",
    re.I,
)
"""Query parameters that tell where a visitor came from, added to links by advertising and mailing services.

`ref`, `source`, `id` and the like are not among them: on some sites they choose what a page shows."""

MAX_URL_CHARS = 8192
"""Longer ones have no normal form; servers refuse them (Apache and nginx stop at 8 KiB by default)."""
_DEFAULT_PORT = {"http": 80, "https": 443}


def normal_url(url: str) -> str | None:
    """Returns the normal form of an http(s) URL, without its scheme; None for what is none or cannot be read."""
    if len(url) > MAX_URL_CHARS or not url[:8].lower().lstrip().startswith(("http://", "https:/")):
        return None
    try:
        parts = urlsplit(canonicalize_url(url))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:  # an unclosed "[", a port above 65535, a lone surrogate: real crawls hold them
        return None
    if not host or any(character.isspace() for character in host):
        return None
    shown = f"[{host}]" if ":" in host else host
    at = "" if port in (None, _DEFAULT_PORT.get(parts.scheme)) else f":{port}"
    query = "&".join(item for item in parts.query.split("&") if item and not _is_tracking(item))
    return f"//{shown}{at}{parts.path or '/'}" + (f"?{query}" if query else "")


def _is_tracking(parameter: str) -> bool:
    return TRACKING.fullmatch(parameter.partition("=")[0]) is not None
