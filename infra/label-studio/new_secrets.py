"""Writes secrets.env beside it: the random secrets of one server, in a file that only its owner may read.

Run `python infra/label-studio/new_secrets.py you@example.org`. It needs no package and never overwrites a file: the
database keeps the password that it was made with.
"""

import os
import secrets
import sys
from pathlib import Path

FILE = Path(__file__).with_name("secrets.env")


def main() -> int:
    """Writes the file, shows the login once and returns the exit code."""
    if (
        len(sys.argv) != 2
        or "@" not in sys.argv[1]
        or not sys.argv[1].isprintable()
        or set(sys.argv[1]) & set(" \"'\\$")
    ):
        print(f"usage: {sys.argv[0]} EMAIL", file=sys.stderr)
        return 2
    try:
        password = write(FILE, sys.argv[1])
    except FileExistsError:
        print(f"{FILE} is there already; a new one would lock you out of the database", file=sys.stderr)
        return 1
    print(f"{FILE} is written; log in as {sys.argv[1]} with the password {password}")
    return 0


def write(path: Path, email: str) -> str:
    """Writes new secrets and returns the password of the first account.

    Raises:
        FileExistsError: there are some.
    """
    database, password = secrets.token_urlsafe(24), secrets.token_urlsafe(18)
    values = {
        "POSTGRES_PASSWORD": database,
        "POSTGRE_PASSWORD": database,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "REVIEW_EMAIL": email,
        "REVIEW_PASSWORD": password,
        "REVIEW_TOKEN": secrets.token_hex(20),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    return password


if __name__ == "__main__":
    sys.exit(main())
