"""Feeds a training loop from an export: step by step, in the export's order, on any number of ranks.

In any loop::

    data = CurriculumDataset("runs/web/exports/latest", global_batch=256, micro_batch=8, rank=rank, world=world)
    data.load_state_dict(checkpoint["data"])                  # when resuming: on as many ranks as there are now
    for step in data:
        for batch in step.batches:
            loss = cross_entropy(model(batch), batch.labels(), reduction="sum") / step.num_targets
        save({"model": ..., "data": data.state_dict()})       # the same on every rank

A thread reads ahead, with no worker processes and no shared memory. What it read ahead is not part of the state,
which names the row after the last step that the loop was given.
"""

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.batch import Batch
from trainer.progress import next_row_in, num_steps, row_of_step, rows_of_step, share_of, state_of, step_of_row
from trainer.shards import Shards, open_shards

READ_AHEAD_STEPS = 2
LOOK_SECONDS = 0.1
"""How long a full queue keeps the reading thread from seeing that nobody listens any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimiser step.

    `rows` are those of all ranks, `batches` those of this one, at most `micro_batch` rows each (none where a short
    last step has fewer rows than ranks). `num_targets` counts the labels of all ranks: the divisor of summed losses.
    `next_row` is where the step after it starts, counted over epochs.
    """

    epoch: int
    rows: range
    num_targets: int
    batches: tuple[Batch, ...]
    next_row: int


class CurriculumDataset:
    """The steps of one rank, as an iterable that knows where it stands.

    Iterating goes on from the state, to the end of the last epoch; only one iterator is in use at a time.
    """

    def __init__(
        self,
        shards: Shards | Path | str,
        *,
        global_batch: int,
        rank: int = 0,
        world: int = 1,
        micro_batch: int | None = None,
        epochs: int = 1,
        read_ahead: int = READ_AHEAD_STEPS,
    ) -> None:
        """Opens an export.

        Args:
            shards: the export, or its folder.
            global_batch: rows per step over all ranks, G; it decides what a step is, so keep it over a run.
            rank: number of this rank.
            world: ranks that share a step, at most G; ranks of one tensor-parallel group share a number.
            micro_batch: rows per batch at most; None: all of this rank's rows at once.
            epochs: how often to go through the export, in the same order each time.
            read_ahead: steps that the thread keeps ready; 0: no thread.

        Raises:
            ValueError: numbers that cannot be.
            VerifyError: see `open_shards`.
        """
        if not 0 <= rank < world <= global_batch:
            raise ValueError(
                f"expected 0 <= rank < world <= global batch, found rank {rank}, world {world}, batch {global_batch}"
            )
        if (micro_batch is not None and micro_batch < 1) or epochs < 1 or read_ahead < 0:
            raise ValueError(
                "expected a micro batch and epochs of at least 1 and no negative read_ahead, "
                f"found {micro_batch}, {epochs} and {read_ahead}"
            )
        self.shards = shards if isinstance(shards, Shards) else open_shards(shards)
        self.global_batch, self.rank, self.world = global_batch, rank, world
        self.micro_batch, self.epochs, self.read_ahead = micro_batch or global_batch, epochs, read_ahead
        self._next_row = 0

    def state_dict(self) -> dict[str, object]:
        """Returns the digest of the data and the row after the last step that was handed out."""
        return state_of(self._next_row, manifest_sha256=self.shards.manifest.sha256)

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Goes to where `state` stands, whatever the number of ranks or the micro batch was then.

        Raises:
            VerifyError: the state is of other data, or not one.
        """
        self._next_row = next_row_in(state, manifest_sha256=self.shards.manifest.sha256)

    def __len__(self) -> int:
        """Steps from the first row to the end of the last epoch."""
        return num_steps(len(self.shards), global_batch=self.global_batch, epochs=self.epochs)

    def step_number(self) -> int:
        """Returns how many steps lie before the next one, at this global batch."""
        return step_of_row(self._next_row, rows=len(self.shards), global_batch=self.global_batch)

    def start_at(self, step: int) -> None:
        """Goes to where `step` steps of this global batch are done: for loops that keep the number of steps only."""
        self._next_row = row_of_step(step, rows=len(self.shards), global_batch=self.global_batch)

    def step_at(self, next_row: int) -> Step:
        """Returns the step that starts at `next_row`, counted over epochs; raises as `Shards.rows`."""
        total = len(self.shards)
        rows = rows_of_step(next_row, rows=total, global_batch=self.global_batch)
        mine = share_of(rows, rank=self.rank, world=self.world)
        starts = range(mine.start, mine.stop, self.micro_batch)
        return Step(
            epoch=next_row // total,
            rows=rows,
            num_targets=self.shards.num_targets(rows.start, rows.stop),
            batches=tuple(self.shards.rows(at, min(at + self.micro_batch, mine.stop)) for at in starts),
            next_row=next_row + len(rows),
        )

    def __iter__(self) -> Iterator[Step]:
        """Yields the remaining steps; raises as `Shards.rows`."""
        for step in _read_ahead(self._steps(), self.read_ahead) if self.read_ahead else self._steps():
            self._next_row = step.next_row
            yield step

    def _steps(self) -> Iterator[Step]:
        row = self._next_row
        while row < self.epochs * len(self.shards):
            step = self.step_at(row)
            row = step.next_row
            yield step


def _read_ahead(steps: Iterator[Step], size: int) -> Iterator[Step]:
    """Yields `steps`, which a thread takes `size` ahead; the thread ends with the steps, an error or the listener."""
    ready: queue.Queue[Step | Exception | None] = queue.Queue(maxsize=size)
    stopped = threading.Event()

    def put(item: Step | Exception | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=LOOK_SECONDS)
            except queue.Full:
                continue

    def read() -> None:
        try:
            for step in steps:
                put(step)
                if stopped.is_set():
                    return
            put(None)
        except Exception as error:  # raised again by the listener
            put(error)

    thread = threading.Thread(target=read, name="gristmill-read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
