"""What a spec says about deduplication, as far as it can be judged without knowing what is measured."""

import difflib
import re
from collections.abc import Iterator

from curation.dedup.criteria import NAMED
from pipelines.spec import DedupSpec

CRITERION_PATTERN = rf"({'|'.join(NAMED)}|-?signal\.[A-Za-z0-9_.]+)"
_CRITERION = re.compile(CRITERION_PATTERN)


def dedup_findings(dedup: DedupSpec) -> Iterator[tuple[str, str]]:
    """Yields (path of the key, message) of everything that is wrong."""
    for index, criterion in enumerate(dedup.prefer):
        path = f"dedup.prefer[{index}]"
        if not _CRITERION.fullmatch(criterion):
            near = difflib.get_close_matches(criterion, NAMED, n=1)
            hint = f". Write {near[0]}." if near else ""
            yield path, f"expected {', '.join(NAMED)}, signal.NAME or -signal.NAME, found {criterion!r}{hint}"
        elif criterion in dedup.prefer[:index]:
            yield path, f"expected each criterion once, found {criterion!r} twice"
    if isinstance(dedup.exact, tuple):
        for index, kind in enumerate(dedup.exact):
            if kind in dedup.exact[:index]:
                yield f"dedup.exact[{index}]", f"expected each kind once, found {kind!r} twice"
    if dedup.licenses and "licensed" not in dedup.prefer:
        yield "dedup.licenses", "expected `licensed` in dedup.prefer, which reads this list, found it nowhere"
    near_spec = dedup.near
    if near_spec is not None and near_spec.review_within > 0 and near_spec.min_jaccard <= near_spec.review_within:
        yield (
            "dedup.near.review_within",
            f"expected less than min_jaccard ({near_spec.min_jaccard:g}), found {near_spec.review_within:g}",
        )
