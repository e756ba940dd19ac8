"""The graphs that find near duplicates, in order: band hashes, candidates pass by pass, verified links."""

from pipelines import graphs
from pipelines.linking import Keys, finished_keys, near_of
from pipelines.measuring import Job
from pipelines.memory import release_unused
from pipelines.progress import Progress
from pipelines.verifying import merge_places, rank_ranges


def find_links(job: Job, parts: tuple[str, ...], num_ranks: int, progress: Progress) -> None:
    """Leaves the verified links of `num_ranks` documents in `work/links/`; goes on from the keys that are there.

    Args:
        job: its spec asks for near duplicates.
        parts: of the run; `work/ranks/` says which of their documents take part.
        num_ranks: ranks are below this.
        progress: told about finished keys.
    """
    runner, memory_bytes = job.spec.runner, job.spec.limits.memory_bytes
    keys = Keys.of(near_of(job), num_ranks)
    with graphs.graph(runner) as pipeline:
        graphs.bands(pipeline, job, list(enumerate(parts)))
    merge_places(job.store, parts, num_ranks)
    for chosen in keys.passes(num_ranks, memory_bytes, finished_keys(job.store)):
        with graphs.graph(runner, shuffles=True) as pipeline:
            graphs.candidates(pipeline, job, list(parts), keys=keys, chosen=chosen)
        release_unused()
        progress.update(chosen.stop)
    with graphs.graph(runner) as pipeline:
        graphs.links(pipeline, job, parts, [(ranks.start, ranks.stop) for ranks in rank_ranges(num_ranks)])
