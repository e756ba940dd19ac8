"""The audit log: who asked for which change, and the status of the answer. Rows are only ever added."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, select

from pipelines.service.database import reading, writing
from pipelines.service.tables import AuditEntry


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log of a database."""

    engine: Engine
    clock: Callable[[], float] = time.time

    def note(self, who: str, what: str, status: int) -> None:
        """Adds an entry."""
        with writing(self.engine) as session:
            session.add(AuditEntry(at_ms=int(self.clock() * 1000), who=who, what=what, status=status))

    def page(self, *, before: int | None = None, count: int = 50) -> list[AuditEntry]:
        """Returns entries, the newest first; `before` is the last id of the page before."""
        query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(count)
        query = query.where(AuditEntry.id < before) if before is not None else query
        with reading(self.engine) as session:
            return list(session.scalars(query))
