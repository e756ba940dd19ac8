"""The step table and the plan of the stage `measure`.

A new signal is one dataclass in its own file and one line in `SIGNALS`; the spec key, the checked schema, the
law tests, the row in the docs and the place in the fingerprint follow from that line.
"""

from dataclasses import asdict
from typing import Literal, Protocol

from curation.dedup.banding import Signing
from curation.dedup.exact_keys import ExactKeys
from curation.dedup.minhash import MinHash
from curation.errors import SpecError
from curation.quality.gopher import GopherQuality, GopherRepetition
from curation.quality.language import Language
from curation.quality.statistics import TextStatistics
from curation.step import Plan, Step
from curation.text.edits import ControlCharacters, Nfc
from curation.text.extract import Extract

EDITS: dict[str, type[Step]] = {"control_characters": ControlCharacters, "nfc": Nfc}

SIGNALS: dict[str, type[Step]] = {
    "language": Language,
    "statistics": TextStatistics,
    "gopher_quality": GopherQuality,
    "gopher_repetition": GopherRepetition,
}


class NearSettings(Protocol):
    """What the signature of a document depends on; see `pipelines.spec.NearSpec`."""

    @property
    def signing(self) -> Signing:
        """Shingles, bands, rows, normalisation and scheme."""
        ...

    @property
    def seed(self) -> int:
        """Of the permutations."""
        ...


def extract_step(mode: Literal["main", "all", "none"]) -> Extract:
    """Returns the step that makes text of raw content."""
    return Extract(mode=mode)


def measure_plan(
    *,
    edits: tuple[str, ...],
    signals: tuple[str, ...],
    language_model: str | None,
    language_model_sha256: str | None,
    near: NearSettings | None,
    equal_by: tuple[str, ...] = (),
) -> Plan:
    """Returns the plan from extracted text to signals and signature: one phase, edits first.

    Raises:
        SpecError: a name is not in the step table.
    """
    steps = [_named(EDITS, name, "edits")() for name in edits]
    for name in signals:
        kind = _named(SIGNALS, name, "signals")
        pinned = kind is Language and language_model is not None and language_model_sha256 is not None
        steps.append(Language(model=language_model, sha256=language_model_sha256) if pinned else kind())
    keys = ExactKeys(words="exact_words" in equal_by, url="url" in equal_by)
    return Plan(phases=((*steps, _signature(near), keys),))


def _named(table: dict[str, type[Step]], name: str, where: str) -> type[Step]:
    if name not in table:
        raise SpecError(f"{where}: expected one of {', '.join(table)}, found {name!r}")
    return table[name]


def _signature(near: NearSettings | None) -> MinHash:
    """Signatures are stored even where near deduplication is off: it can then be judged later."""
    if near is None:
        return MinHash()
    return MinHash(**asdict(near.signing), seed=near.seed)
