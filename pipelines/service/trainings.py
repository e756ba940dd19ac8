"""Training runs that told of themselves: where each is in its data, and its losses.

A training is named by its export, its name and its host: one that goes on after its last checkpoint registers again and
is the same one. Points are kept by step, so a step that is told twice is there once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from pipelines.service.database import reading, writing
from pipelines.service.jobs import Jobs, new_id
from pipelines.service.tables import Training, TrainingPoint

MAX_POINTS = 1000
LOST_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a training measured at a step: losses in nats per token; None where one is not finite."""

    step: int
    stage: str | None
    loss: float | None
    losses: dict[str, float]  # by stage


@dataclass(frozen=True, slots=True)
class Trainings:
    """The training runs of a database."""

    jobs: Jobs

    def register(self, *, export: str, name: str, host: str, global_batch: int, steps: int) -> Training:
        """Returns the training of that export, name and host, which is made if there is none."""
        now = self.jobs.now_ms()
        named = (Training.export == export, Training.name == name, Training.host == host)
        with writing(self.jobs.engine) as session:
            found = session.scalars(select(Training).where(*named)).first()
            if found is None:
                found = Training(id=new_id(now), export=export, name=name, host=host, created_ms=now, step=-1)
                session.add(found)
            found.global_batch, found.steps, found.state, found.seen_ms = global_batch, steps, "running", now
        return found

    def tell(self, training_id: str, points: Sequence[Point], *, state: str) -> bool:
        """Notes points and that the training lives; False: there is none of this id."""
        last = max(points, key=lambda point: point.step, default=None)
        values: dict[str, object] = {"seen_ms": self.jobs.now_ms(), "state": state}
        if last is not None:
            values |= {"step": last.step, "stage": last.stage}
        with writing(self.jobs.engine) as session:
            done = session.connection().execute(update(Training).where(Training.id == training_id).values(**values))
            if done.rowcount != 1:
                return False
            _put(session, training_id, points)
        return True

    def page(
        self, *, exports: Sequence[str] | None = None, before: str | None = None, count: int = 50
    ) -> list[Training]:
        """Returns trainings, the newest first; `exports`: only of these."""
        query = select(Training).order_by(Training.id.desc()).limit(count)
        query = query.where(Training.export.in_(exports)) if exports is not None else query
        query = query.where(Training.id < before) if before is not None else query
        with reading(self.jobs.engine) as session:
            return list(session.scalars(query))

    def get(self, training_id: str) -> Training | None:
        """Returns a training."""
        with reading(self.jobs.engine) as session:
            return session.get(Training, training_id)

    def points(self, training_id: str) -> list[TrainingPoint]:
        """Returns the points of a training in order of their steps; of many, every so-manyth and the last one."""
        of = TrainingPoint.training_id == training_id
        with reading(self.jobs.engine) as session:
            count, last = session.execute(select(func.count(), func.max(TrainingPoint.step)).where(of)).one()
            stride = -(-count // MAX_POINTS) or 1
            query = select(TrainingPoint).where(of, (TrainingPoint.step % stride == 0) | (TrainingPoint.step == last))
            return list(session.scalars(query.order_by(TrainingPoint.step)))

    def is_lost(self, training: Training) -> bool:
        """Whether a training says that it runs, and has not told of itself for long."""
        return training.state == "running" and self.jobs.now_ms() - training.seen_ms > LOST_SECONDS * 1000


def _put(session: Session, training_id: str, points: Sequence[Point]) -> None:
    """Writes points; of a step told twice the later one stays."""
    rows = {
        point.step: {
            "training_id": training_id,
            "step": point.step,
            "stage": point.stage,
            "loss": point.loss,
            "losses": point.losses,
        }
        for point in points
    }
    if rows:
        session.execute(
            delete(TrainingPoint).where(TrainingPoint.training_id == training_id, TrainingPoint.step.in_(rows))
        )
        session.execute(insert(TrainingPoint), list(rows.values()))
