"""What must be true of a spec's shards beyond types and ranges: which keys an order needs, and which names exist."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from curation.curriculum.order import NEED_QUALITY
from curation.errors import SpecError
from pipelines.spec import JobSpec, ShardsSpec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def shards_findings(shards: ShardsSpec, spec: JobSpec) -> Iterator[tuple[str, str]]:
    """Yields (path of the key, message) of everything that is wrong."""
    order = shards.order_name
    needs = order in NEED_QUALITY or any(stage.order == "quality" for stage in shards.mixture)
    if needs and shards.quality is None:
        yield (
            "shards.quality",
            f"expected the signal that order {order} takes for quality, found none. Name one, or choose another order.",
        )
    if (order == "mixture") != bool(shards.mixture):
        yield "shards.mixture", f"expected stages beside order mixture and only there, found order {order}"
    yield from _repeated("difficulty", "score", [item.score for item in shards.difficulty])
    if shards.difficulty and not any(item.weight for item in shards.difficulty):
        yield "shards.difficulty", "expected a weight other than 0, found none"
    yield from _repeated("mixture", "name", [stage.name for stage in shards.mixture])
    yield from _mixture(shards, spec)


def check_scores(shards: ShardsSpec, schema: pa.Schema) -> None:
    """Raises SpecError when the order reads a signal that the job does not measure, or one that is no number."""
    numbers = [name.removeprefix("signal.") for name in schema.names if pa.types.is_floating(schema.field(name).type)]
    keys = {item.score: f"difficulty[{place}].score" for place, item in enumerate(shards.difficulty)}
    for name in shards.signals:
        if name not in numbers:
            place = keys.get(name, "quality")
            raise SpecError(
                f"shards.{place}: expected a numeric signal that the job measures, found {name!r}"
                f"{nearest(name, numbers)}"
            )


def nearest(found: str, known: list[str]) -> str:
    """Returns the known name that is meant, as a sentence; nothing where none is close."""
    close = difflib.get_close_matches(found, known, n=1)
    return f". Write {close[0]}." if close else "; add what measures it to `signals`"


def _repeated(path: str, key: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"shards.{path}", f"expected each {key} once, found {name!r} twice"


def _mixture(shards: ShardsSpec, spec: JobSpec) -> Iterator[tuple[str, str]]:
    domains = {given.domain for given in spec.inputs.values() if given.domain}
    for index, stage in enumerate(shards.mixture):
        path = f"shards.mixture[{index}]"
        if not _NAME.fullmatch(stage.name):
            yield f"{path}.name", f"expected a name of at most 64 letters, digits, - and _, found {stage.name!r}"
        for place, share in enumerate(stage.shares):
            for key, name, known in (("source", share.source, set(spec.inputs)), ("domain", share.domain, domains)):
                if name is not None and name not in known:
                    listed = ", ".join(sorted(known)) or "none"
                    yield f"{path}.shares[{place}].{key}", f"expected one of {listed}, found {name!r}"
