"""Answers that were given, kept by the digest of their request: a rerun costs nothing and gives the same bytes.

One SQLite file in WAL mode: an answer that `put` returned from outlives the process, and several runs may share the
file. The first answer to a request stays the answer.
"""

import json
import sqlite3
import threading
from pathlib import Path

from curation.synthesis.recipes.requests import Request, Response

_TABLE = "CREATE TABLE IF NOT EXISTS answers (request TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
_BUSY_SECONDS = 60.0
REFUSED = "null"


class Answers:
    """The answers in a file, which is made where there is none."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(_TABLE)

    def get(self, request: Request) -> tuple[bool, Response | None]:
        """Returns whether the request was answered, and the answer (null: it was refused)."""
        with self._lock:
            row = self._connection.execute(
                "SELECT answer FROM answers WHERE request = ?", [request.digest()]
            ).fetchone()
        if row is None:
            return False, None
        return True, None if row[0] == REFUSED else Response.from_mapping(json.loads(row[0]))

    def put(self, request: Request, response: Response | None) -> Response | None:
        """Keeps an answer (null: it was refused) unless there is one; returns the one that is kept."""
        value = REFUSED if response is None else response.to_json()
        with self._lock:
            self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", [request.digest(), value])
        return self.get(request)[1]

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
