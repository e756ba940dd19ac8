"""Links and decisions of all documents of a run, on the driver: from stored verdicts and signatures, without text."""

from collections.abc import Callable
from dataclasses import dataclass

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
class Decided:
    """All documents of a run, what links did to them, and whom to ask about."""

    roster: Roster
    clustering: Clustering
    asked: Selection


def decide_documents(
    job: Job,
    parts: tuple[str, ...],
    progress: Progress,
    *,
    beside_links: Callable[[Job, Roster], None] | None = None,
) -> Decided:
    """Publishes `links/` and `decisions/`.

    Args:
        job: the job.
        parts: of the run; their verdicts are there.
        progress: told about linking.
        beside_links: called when near links are found and `work/` still holds all that they were found from.
    """
    roster, near = load_roster(job.store, parts), job.spec.dedup.near

    def run_near(num_ranks: int) -> None:
        find_links(job, parts, num_ranks, progress)
        if beside_links is not None:
            beside_links(job, roster)

    progress.start("link", Keys.of(near, roster.num_documents).num_keys if near else 1, "keys")
    clustering = cluster(job, roster, run_near)
    progress.finish(f"{clustering.num_links} links")
    state = final_states(roster, clustering)
    split = split_documents(job.store, job.spec, roster, clustering, state)
    asked = choose_questions(job, roster, clustering, state)
    outcome = Outcomes(state_N=state, split_N=split, audit_N=audited(asked, roster.num_documents))
    write_decisions(job, roster, clustering, outcome)
    return Decided(roster=roster, clustering=clustering, asked=asked)
