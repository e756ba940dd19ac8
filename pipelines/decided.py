"""Links and decisions of all documents of a run, on the driver: from stored verdicts and signatures, without text."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.review.selection import Selection
from pipelines.asking import audited, choose_questions
from pipelines.clustering import Clustering, cluster
from pipelines.deciding import Outcomes, final_states, write_decisions
from pipelines.linking import Keys
from pipelines.measuring import Job
from pipelines.near_links import find_links
from pipelines.progress import Progress
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
    roster, near = load_roster(job.store, parts), job.spec.dedup.near

    def run_near(num_ranks: int) -> None:
        find_links(job, parts, num_ranks, progress)
        if beside_links is not None:
            beside_links(job, roster)

    progress.start("link", Keys.of(near, roster.num_documents).num_keys if near else 1, "keys")
    clustering = cluster(job, roster, run_near, apart=people.different if people else frozenset())
    progress.finish(f"{clustering.num_links} links")
    state = final_states(roster, clustering)
    split = split_documents(job.store, job.spec, roster, clustering, state)
    asked = None if people else choose_questions(job, roster, clustering, state)
    audit = audited(asked, roster.num_documents) if asked else np.isin(roster.ids_N, people.audited if people else [])
    outcome = Outcomes(state_N=state, split_N=split, audit_N=audit)
    write_decisions(job, roster, clustering, outcome)
    return Decided(roster=roster, clustering=clustering, asked=asked)
