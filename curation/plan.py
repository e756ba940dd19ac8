"""The step table and the plan of the stage `measure`.

A new signal is one dataclass in its own file and one line in `SIGNALS`; the spec key, the checked schema, the
law tests, the row in the docs and the place in the fingerprint follow from that line.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal, Protocol, TypeVar

from curation.dedup.banding import Signing
from curation.dedup.exact_keys import ExactKeys
from curation.dedup.minhash import MinHash
from curation.errors import SpecError
from curation.quality.bad_words import BadWords
from curation.quality.c4 import C4, MC4
from curation.quality.fineweb import FineWeb
from curation.quality.gopher import GopherQuality, GopherRepetition
from curation.quality.gopher_variants import GopherVariants
from curation.quality.language import Language
from curation.quality.nemo import NemoEnglish
from curation.quality.paragraph_languages import ParagraphLanguages
from curation.quality.readability import FleschReadingEase, LexicalDiversity
from curation.quality.removed_words import RemovedWords
from curation.quality.statistics import TextStatistics
from curation.quality.stop_words import LocalStopWords
from curation.quality.toxicity import Toxicity
from curation.quality.urls import UrlRules
from curation.step import Plan, Step
from curation.text.c4 import C4Lines
from curation.text.dclm import LineFeedRuns, UrlsInText
from curation.text.edits import ControlCharacters, Nfc
from curation.text.extract import Extract, Extractor
from curation.text.mojibake import Mojibake
from curation.text.page import Comments
from curation.text.refinedweb import RefinedWebLines
from curation.text.trafilatura_page import PageGate
from curation.text.trafilatura_process import DEFAULT_GATE_BELOW, Focus

Named = TypeVar("Named")

EDITS: dict[str, Step] = {
    "mojibake": Mojibake(),
    "control_characters": ControlCharacters(),
    "nfc": Nfc(),
    "c4_lines": C4Lines(),
    "c4_lines_any_end": C4Lines(end_marks=""),
    "refinedweb_lines": RefinedWebLines(),
    "urls_in_text": UrlsInText(),
    "line_feed_runs": LineFeedRuns(),
}

SIGNALS: dict[str, type[Step]] = {
    "url_rules": UrlRules,
    "language": Language,
    "paragraph_languages": ParagraphLanguages,
    "statistics": TextStatistics,
    "gopher_quality": GopherQuality,
    "gopher_repetition": GopherRepetition,
    "gopher_variants": GopherVariants,
    "local_stop_words": LocalStopWords,
    "c4": C4,
    "mc4": MC4,
    "fineweb": FineWeb,
    "nemo_english": NemoEnglish,
    "removed_words": RemovedWords,
    "bad_words": BadWords,
    "toxicity": Toxicity,
    "mtld": LexicalDiversity,
    "flesch": FleschReadingEase,
}


class Phase(Protocol):
    """The names of a phase's steps."""

    @property
    def edits(self) -> tuple[str, ...]:
        """Names in `EDITS`, in order."""
        ...

    @property
    def signals(self) -> tuple[str, ...]:
        """Names in `SIGNALS`, in order."""
        ...


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


def extract_step(
    mode: Literal["main", "all", "none"],
    *,
    extractor: Extractor = "resiliparse",
    comments: Comments = "drop",
    trafilatura: Focus = "default",
    gate: PageGate = "none",
    gate_below: float = DEFAULT_GATE_BELOW,
) -> Extract:
    """Returns the step that makes text of raw content."""
    return Extract(
        mode=mode,
        extractor=extractor,
        comments=comments,
        trafilatura=trafilatura,
        gate=gate,
        gate_below=gate_below,
    )


def measure_plan(
    *,
    phases: tuple[Phase, ...],
    configured: Mapping[str, Step] = {},
    closing: tuple[tuple[Step, ...], ...] = (),
    near: NearSettings | None,
    equal_by: tuple[str, ...] = (),
    scores: tuple[Step, ...] = (),
) -> Plan:
    """Returns the plan from extracted text to signals and signature: phases, each edits first; the signature last.

    Args:
        phases: names of steps, by phase.
        configured: signals that are to measure otherwise than the table's do by themselves, by name.
        closing: each a signal of the text so far and, if one is to follow from it, an edit, which begins a phase.
        near: what signatures are made of.
        equal_by: kinds of equality that need keys.
        scores: classifiers; they measure the text that leaves.

    Raises:
        SpecError: a name is not in the step table.
    """
    steps: list[tuple[Step, ...]] = []
    for number, phase in enumerate(phases):
        where = f"phases[{number - 1}]." if number else ""
        edits = [_named(EDITS, name, f"{where}edits") for name in phase.edits]
        signals = [configured.get(name) or _named(SIGNALS, name, f"{where}signals")() for name in phase.signals]
        steps.append((*edits, *signals))
    for signal, *edit in closing:
        steps[-1] = (*steps[-1], signal)
        steps += [(one,) for one in edit]
    keys = ExactKeys(words="exact_words" in equal_by, url="url" in equal_by)
    return Plan(phases=(*steps[:-1], (*steps[-1], *scores, _signature(near), keys)))


def _named(table: dict[str, Named], name: str, where: str) -> Named:
    if name not in table:
        raise SpecError(f"{where}: expected one of {', '.join(table)}, found {name!r}")
    return table[name]


def _signature(near: NearSettings | None) -> MinHash:
    """Signatures are stored even where near deduplication is off: it can then be judged later."""
    if near is None:
        return MinHash()
    return MinHash(**asdict(near.signing), seed=near.seed)
