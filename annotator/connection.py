"""Which server the commands talk to: one named in the environment, else the one that `gristmill review up` started.

A token comes from the environment, from the system's keyring, or from the 0600 file of our own server; never from a
spec, an argument or a log.
"""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from annotator.credentials import credentials_of
from annotator.label_studio import LabelStudio
from annotator.server import running_server
from annotator.transport import Http
from curation.errors import InputError

URL, TOKEN = "GRISTMILL_REVIEW_URL", "GRISTMILL_REVIEW_TOKEN"
KEYRING_SERVICE = "gristmill-review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A server and its URL."""

    server: LabelStudio
    url: str


def data_folder(environment: Mapping[str, str]) -> Path:
    """Returns the data directory of our own server."""
    named = environment.get("GRISTMILL_REVIEW_DATA")
    home = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(named) if named else home / "gristmill" / "review"


def connect(environment: Mapping[str, str]) -> Connection:
    """Returns the server to talk to.

    Raises:
        InputError: none is named and none is running, or there is no token for it.
    """
    url = environment.get(URL)
    if url:
        token = environment.get(TOKEN) or _from_keyring(url)
        if not token:
            raise InputError(f"{URL} names {url}: expected its token in {TOKEN} or the keyring, found none")
        return Connection(server=LabelStudio(transport=Http(url=url, token=token)), url=url.rstrip("/"))
    data = data_folder(environment)
    running, known = running_server(data), credentials_of(data)
    if running is None or known is None:
        raise InputError(f"expected a review server, found none running in {data}; gristmill review up starts one")
    return Connection(server=LabelStudio(transport=Http(url=running.url, token=known.token)), url=running.url)


def _from_keyring(url: str) -> str | None:
    """Returns the token that the system's keyring holds for a server, where the package `keyring` is installed.

    Raises:
        InputError: the keyring is locked or broken.
    """
    if importlib.util.find_spec("keyring") is None:
        return None
    keyring = importlib.import_module("keyring")
    errors = importlib.import_module("keyring.errors")
    try:
        found = keyring.get_password(KEYRING_SERVICE, url.rstrip("/"))
    except errors.NoKeyringError:
        return None
    except errors.KeyringError as error:
        raise InputError(
            f"the keyring cannot be read ({type(error).__name__}); unlock it, or give the token in {TOKEN}"
        ) from None
    return found if isinstance(found, str) else None
