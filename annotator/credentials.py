"""The secrets of one data directory of Label Studio: random, in one file that only its owner may read.

They are tied to the directory by its inode: a copy of a data directory gets new ones when it is started, and with them
another Django secret key, so that no session or token of the original is good for the copy.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from annotator.installation import SECRET_FILE
from curation.errors import ReviewError

NAME = "credentials.json"
EMAIL = "reviewer@gristmill.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The account that `gristmill review` uses and shows once; `inode` is that of its data directory."""

    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    inode: int

    def account(self) -> bytes:
        """Returns what `annotator.serving` reads from stdin."""
        return json.dumps({"email": self.email, "password": self.password, "token": self.token}).encode()


def credentials_of(data: Path) -> Credentials | None:
    """Returns the credentials of a data directory; None where it has none of its own.

    Raises:
        ReviewError: the file is damaged, or others may read it.
    """
    path = data / NAME
    if not path.exists():
        return None
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise ReviewError(f"{path}: expected a file that only you can read (0600), found {mode:04o}; chmod 600 it")
    try:
        found = Credentials(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        raise ReviewError(f"{path}: expected credentials, found something else; remove it for new ones") from None
    return found if found.inode == data.stat().st_ino else None


def new_credentials(data: Path) -> Credentials:
    """Writes and returns new credentials, and removes the secret key, of which Label Studio then makes a new one."""
    made = Credentials(
        email=EMAIL, password=secrets.token_urlsafe(18), token=secrets.token_hex(20), inode=data.stat().st_ino
    )
    (data / SECRET_FILE).unlink(missing_ok=True)
    temporary = data / f".tmp-{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(made), file)
    temporary.replace(data / NAME)
    return made
