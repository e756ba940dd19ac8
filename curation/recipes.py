"""Published recipes of heuristics, as plans: phases of edits, signals and gates in the order of the originals.

Each is a `Plan`, so a `Step`: call it on a batch of `curation.schema.DOCUMENT` for the verdicts of every gate. The same
recipes are specs under `pipelines/jobs/recipes/`. The originals' lists of sites and words belong to
whoever runs them (`url_lists` in a spec); without, small lists of words of our own count. Thresholds and their sources
stand in `curation.quality.presets`.
"""

from curation.quality.c4 import C4
from curation.quality.fineweb import FineWeb
from curation.quality.gates import Gate, Rule
from curation.quality.gopher import GopherQuality, GopherRepetition
from curation.quality.gopher_variants import GopherVariants
from curation.quality.language import Language
from curation.quality.presets import preset_rules
from curation.quality.removed_words import RemovedWords
from curation.quality.urls import UrlRules
from curation.step import Plan, Step
from curation.text.c4 import C4Lines
from curation.text.dclm import LineFeedRuns, UrlsInText
from curation.text.edits import ControlCharacters, Nfc
from curation.text.refinedweb import RefinedWebLines

CLEAN: tuple[Step, ...] = (ControlCharacters(), Nfc())
ENGLISH_WEB: tuple[Step, ...] = (Language(), GopherRepetition(), GopherQuality())


def fineweb() -> Plan:
    """Returns FineWeb's filters (Penedo et al. 2024, arXiv 2406.17557, section 3; datatrove's examples/fineweb.py).

    URLs, English at 0.65, Gopher's repetition and quality, C4 without its rule on ends of lines, then FineWeb's own,
    with datatrove's bound on repeated lines. Near duplicates come after it: `dedup.near.preset: fineweb`.
    """
    return Plan(
        phases=(
            (*CLEAN, UrlRules(), *ENGLISH_WEB, *_gates("url_rules", "gopher_repetition", "gopher_quality")),
            (C4Lines(end_marks=""), C4(), FineWeb(), _gate("c4"), _gate("fineweb")),
        )
    )


def refinedweb() -> Plan:
    """Returns RefinedWeb's filters (Penedo et al. 2023, arXiv 2306.01116, section 3.1 and appendix G.2).

    URLs, English at 0.65, Gopher's repetition, then quality, then its line rules and the bound on words removed.
    """
    return Plan(
        phases=(
            (*CLEAN, UrlRules(), *ENGLISH_WEB, *_gates("url_rules", "gopher_repetition", "gopher_quality")),
            (RefinedWebLines(), RemovedWords(), _gate("refinedweb")),
        )
    )


def dclm_heuristics() -> Plan:
    """Returns the heuristics of DCLM-Baseline (Li et al. 2024, arXiv 2406.11794, `dclm_baseline_refinedweb.yaml`).

    RefinedWeb's with quality before repetition, and every occurrence of a stop word counted; before, URLs are taken out
    of texts and runs of line feeds shortened to two.
    """
    measured = (UrlRules(), Language(), GopherQuality(), GopherVariants(), GopherRepetition())
    return Plan(
        phases=(
            (
                *CLEAN,
                UrlsInText(),
                LineFeedRuns(),
                *measured,
                *_gates("url_rules", "gopher_quality_dclm", "gopher_repetition"),
            ),
            (RefinedWebLines(), RemovedWords(), _gate("refinedweb")),
        )
    )


def gopher() -> Plan:
    """Returns Gopher's filters (Rae et al. 2021, arXiv 2112.11446, section A.1.1): quality, then repetition."""
    steps = (*CLEAN, Language(), GopherQuality(), GopherRepetition(), _gate("gopher_quality"))
    return Plan(phases=((*steps, _gate("gopher_repetition")),))


def _gates(first: str, *presets: str) -> tuple[Step, ...]:
    """Returns the gate of the first preset, that of English at 0.65, then those of the others."""
    english = (Rule(signal="language", one_of=("en",)), Rule(signal="language_score", min=0.65))
    return (_gate(first), Gate(name="language", rules=english), *map(_gate, presets))


def _gate(preset: str) -> Gate:
    return Gate(name=preset, rules=preset_rules(preset))
