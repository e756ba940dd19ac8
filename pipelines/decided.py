"""Links and decisions of all documents of a run, on the driver: from stored verdicts and signatures, without text."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.review.selection import Selection
from pipelines.asking import audited, choose_questions
from pipelines.clustering import Clustering, cluster
from pipelines.deciding import DROPPED, KEPT, Outcomes, final_states, write_decisions
from pipelines.linking import Keys
from pipelines.measuring import Job
from pipelines.near_links import find_links
from pipelines.progress import Progress
from pipelines.ranking import parent_rows, synthetic_documents
from pipelines.roster import Roster, load_roster
from pipelines.splitting import split_documents


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Pairs of documents that people found to be different, and ids (S16) of those that were asked about at random."""

    different: frozenset[tuple[bytes, bytes]]
    audited: NDArray[np.bytes_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """All documents of a run, what links did to them, and whom to ask about."""

    roster: Roster
    clustering: Clustering
    asked: Selection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of N documents: KEPT, REVIEW or DROPPED, and 1 in `split_N` where they are held out.

    `orphan_N`: dropped because they are synthetic and what they were made of is not kept.
    """

    roster: Roster
    clustering: Clustering
    state_N: NDArray[np.uint8]
    split_N: NDArray[np.int8]
    orphan_N: NDArray[np.bool_]


def settle(
    job: Job,
    parts: tuple[str, ...],
    progress: Progress,
    *,
    beside_links: Callable[[Job, Roster], None] | None = None,
    apart: frozenset[tuple[bytes, bytes]] = frozenset(),
) -> Settled:
    """Publishes `links/` and returns what becomes of every document; see `decide_documents`."""
    roster, near = load_roster(job.store, parts), job.spec.dedup.near

    def run_near(num_ranks: int) -> None:
        find_links(job, parts, num_ranks, progress)
        if beside_links is not None:
            beside_links(job, roster)

    progress.start("link", Keys.of(near, roster.num_documents).num_keys if near else 1, "keys")
    clustering = cluster(job, roster, run_near, apart=apart)
    progress.finish(f"{clustering.num_links} links")
    state = final_states(roster, clustering)
    orphan = orphans(job, roster, state)
    state[orphan] = DROPPED
    split = split_documents(job.store, job.spec, roster, clustering, state)
    return Settled(roster=roster, clustering=clustering, state_N=state, split_N=split, orphan_N=orphan)


def orphans(job: Job, roster: Roster, state_N: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Returns bool (N,): synthetic documents, not dropped so far, that were made of a document that is not kept.

    What people made of a synthetic document counts as made of that one's parent.
    """
    synthetic_N = synthetic_documents(job, roster)
    if not synthetic_N.any():
        return synthetic_N
    parent_N = parent_rows(job, roster)
    above_N = np.where(synthetic_N, parent_N if parent_N.size else -1, -1)
    while (higher := (above_N >= 0) & synthetic_N[above_N]).any():
        above_N[higher] = parent_N[above_N[higher]]
    lost: NDArray[np.bool_] = synthetic_N & (state_N != DROPPED) & ((above_N < 0) | (state_N[above_N] != KEPT))
    return lost


def decide_documents(
    job: Job,
    parts: tuple[str, ...],
    progress: Progress,
    *,
    beside_links: Callable[[Job, Roster], None] | None = None,
    people: People | None = None,
) -> Decided:
    """Publishes `links/` and `decisions/`.

    Args:
        job: the job.
        parts: of the run; their verdicts are there.
        progress: told about linking.
        beside_links: called when near links are found and `work/` still holds all that they were found from.
        people: what they found, in a run that is decided once more; nobody is asked again then.
    """
    apart = people.different if people else frozenset()
    settled = settle(job, parts, progress, beside_links=beside_links, apart=apart)
    roster, clustering, state = settled.roster, settled.clustering, settled.state_N
    asked = None if people else choose_questions(job, roster, clustering, state)
    audit = audited(asked, roster.num_documents) if asked else np.isin(roster.ids_N, people.audited if people else [])
    outcome = Outcomes(state_N=state, split_N=settled.split_N, audit_N=audit, orphan_N=settled.orphan_N)
    write_decisions(job, roster, clustering, outcome)
    return Decided(roster=roster, clustering=clustering, asked=asked)
