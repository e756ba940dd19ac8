"""The audit log: who asked for which change, and the status of the answer.

Entries of people are only ever added. What nobody known tries is counted in one entry an hour: whoever sends guesses
for weeks fills no disk.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, select, update

from pipelines.service.database import reading, writing
from pipelines.service.tables import AuditEntry

NOBODY = "nobody"
HOUR_MS = 3_600_000
REFUSED = 400


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log of a database."""

    engine: Engine
    clock: Callable[[], float] = time.time

    def note(self, who: str, what: str, status: int) -> None:
        """Adds an entry."""
        with writing(self.engine) as session:
            session.add(AuditEntry(at_ms=int(self.clock() * 1000), who=who, what=what, status=status))

    def note_unknown(self, what: str, status: int) -> None:
        """Counts what nobody known tried, in the entry of this hour."""
        now = int(self.clock() * 1000)
        same = (AuditEntry.who == NOBODY, AuditEntry.what == what, AuditEntry.status == status)
        counted = update(AuditEntry).where(*same, AuditEntry.at_ms >= now - now % HOUR_MS)
        with writing(self.engine) as session:
            found = session.connection().execute(counted.values(times=AuditEntry.times + 1))
            if found.rowcount == 0:
                session.add(AuditEntry(at_ms=now, who=NOBODY, what=what, status=status))

    def page(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        refused: bool | None = None,
        before: int | None = None,
        count: int = 50,
    ) -> list[AuditEntry]:
        """Returns entries, the newest first.

        Args:
            who: of this name.
            what: that hold this.
            refused: whether they were.
            before: the last id of the page before.
            count: at most so many.
        """
        query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(count)
        query = query.where(AuditEntry.who == who) if who else query
        query = query.where(AuditEntry.what.contains(what, autoescape=True)) if what else query
        if refused is not None:
            query = query.where(AuditEntry.status >= REFUSED if refused else AuditEntry.status < REFUSED)
        query = query.where(AuditEntry.id < before) if before is not None else query
        with reading(self.engine) as session:
            return list(session.scalars(query))
