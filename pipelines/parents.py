"""Which documents others are made of: those that the run would keep without them, and does not hold out."""

from dataclasses import replace

import numpy as np

from pipelines.decided import settle
from pipelines.deciding import KEPT
from pipelines.linking import save_array
from pipelines.measuring import Job
from pipelines.progress import Progress
from pipelines.store import Store
from pipelines.synthesis import PARENTS

PROVISIONAL = "work/provisional"


def choose_parents(job: Job, parts: tuple[str, ...], progress: Progress) -> None:
    """Publishes `work/parents/`: rows of the documents of each part that the run keeps and does not hold out."""
    if not parts or job.store.exists(f"{PARENTS}/{parts[-1]}.npy"):
        return
    provisional = replace(job, store=Store(f"{job.store.uri}/{PROVISIONAL}", below=job.store.uri))
    settled = settle(provisional, parts, progress)
    chosen = (settled.state_N == KEPT) & (settled.split_N == 0)
    for index, part in enumerate(parts):
        rows = np.flatnonzero(chosen[settled.roster.rows(index)])
        save_array(job.store, f"{PARENTS}/{part}.npy", rows.astype(np.int64))
