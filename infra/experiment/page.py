"""docs/experiment.md and its pictures, from a result; the same result gives the same page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.experiment.figures import Row, bars, curves, intervals
from infra.experiment.result import AS_FOUND, FAULTY, FIVE_GRAM, TRANSFORMER

TEMPLATE = Path(__file__).with_suffix(".md")
DOCS = Path(__file__).resolve().parents[2] / "docs"

KEYS = ("mean", "low", "high")

Found = Mapping[str, Any]
"""A part of a result, as JSON gives it."""


def write_page(result: Found, docs: Path = DOCS) -> None:
    """Writes the page and its pictures into `docs`."""
    (docs / "pictures").mkdir(parents=True, exist_ok=True)
    for name, picture in pictures(result).items():
        (docs / "pictures" / f"experiment-{name}.svg").write_text(picture, encoding="utf-8")
    (docs / "experiment.md").write_text(page(result), encoding="utf-8")


def page(result: Found) -> str:
    """Returns the page."""
    sizes, recall = result["sizes"], result["recall"]
    clean, clean_of_datatrove = recall["curated"][0], recall["datatrove"][0]
    assert clean["kind"] == clean_of_datatrove["kind"] == "clean", "recall begins with the clean records"
    lost, lost_of_datatrove = (each["records"] - each["stay"] for each in (clean, clean_of_datatrove))
    tokens = {name: f"{corpus['five_gram_tokens']:,} tokens ({name})" for name, corpus in result["corpora"].items()}
    return TEMPLATE.read_text(encoding="utf-8").format(
        date=result["date"][:10],
        processor=result["processor"],
        seconds=f"{result['cpu_seconds_of_cells']:,}",
        missing=_missing(result["missing_cells"], sorted({FAULTY, AS_FOUND} - set(result["corpora"]))),
        verdict=verdict(result["differences"]),
        peer=result["peer"],
        records=f"{sizes['records']:,}",
        pools=_pools(result["corpora"]),
        five_gram_seeds=sizes["five_gram_seeds"],
        five_gram_tokens=" and ".join(tokens.values()),
        transformer_seeds=sizes["transformer_seeds"],
        labels=sizes["labels"],
        rows=sizes["rows"],
        vocab_size=sizes["vocab_size"],
        epochs=_epochs(result["curves"]),
        frequency=f"{result['corpora'][FAULTY]['frequency_bits_per_byte']:.3f}",
        transformer=f"{result['bits_per_byte'][TRANSFORMER][FAULTY]['curated']['all']:.3f}",
        five_gram=f"{result['bits_per_byte'][FIVE_GRAM][FAULTY]['curated']['all']:.3f}",
        rising=_rising(result["curves"]),
        extraction=_extraction(result["differences"]),
        held_out=_held_out(result["held_out"]),
        bits=_bits(result["bits_per_byte"]),
        differences=_differences(result["differences"]),
        recall=_recall(result["rates"], recall),
        clean=f"{clean['records']:,}",
        lost=lost,
        lost_share=f"{lost / clean['records']:.0%}",
        lost_datatrove=lost_of_datatrove,
        lost_datatrove_share=f"{lost_of_datatrove / clean['records']:.0%}",
        salad=_salad(recall),
    )


def verdict(differences: Found) -> str:
    """Returns one sentence: where curated text beats raw, and where it does not."""
    said = [
        f"{_outcome(found['curated - raw'])} by the {tier} model on {corpus} ({_interval(found['curated - raw'])})"
        for tier, corpora in differences.items()
        for corpus, found in corpora.items()
    ]
    return "Curated text against raw, in bits per byte with 95% intervals: " + "; ".join(said) + "."


def _missing(count: int, corpora: Sequence[str]) -> str:
    """Returns a line that says what is not measured yet; none where all is."""
    if not count:
        return ""
    whole = f", among them all on the corpus {' and '.join(corpora)}" if corpora else ""
    return f"\n**Unfinished**: {count} models were not trained yet{whole}; `make experiment` goes on.\n"


def _outcome(each: Found) -> str:
    return "better" if each["high"] < 0 else "worse" if each["low"] > 0 else "no difference shown"


def pictures(result: Found) -> dict[str, str]:
    """Returns SVG by name."""
    rows = [
        Row(f"{pair.replace(' - ', ' less ')}, {_short(tier)}, {_short(corpus)}", tuple(each[key] for key in KEYS))
        for tier, corpora in result["differences"].items()
        for corpus, found in corpora.items()
        for pair, each in found.items()
    ]
    ours, theirs = (
        {each["kind"]: each["found"] / each["records"] for each in result["recall"][name]}
        for name in ("curated", "datatrove")
    )
    shares = [Row(kind.replace("_", " "), (ours[kind], theirs[kind])) for kind in result["rates"]]
    return {
        "differences": intervals(rows, "Bits per byte, first arm less second: below zero the first is better"),
        "curves": curves(_mean_curves(result["curves"]), "The transformer on the corpus with injected faults"),
        "recall": bars(shares, "Share of injected faults that were found", ("Gristmill", "datatrove")),
    }


def _short(name: str) -> str:
    return {FIVE_GRAM: "5-gram", TRANSFORMER: "transf.", FAULTY: "faults", AS_FOUND: "web"}[name]


def _mean_curves(found: Sequence[Found]) -> list[tuple[str, list[float], list[float]]]:
    """Returns the mean curve of each arm over its seeds."""
    arms: dict[str, list[Found]] = {}
    for each in found:
        if each["corpus"] == FAULTY:
            arms.setdefault(each["arm"], []).append(each)

    def mean(of: list[Found], key: str) -> list[float]:
        return [sum(values) / len(values) for values in zip(*(each[key] for each in of), strict=True)]

    return [(arm, mean(of, "tokens"), mean(of, "bits_per_byte")) for arm, of in arms.items()]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(head), "|".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)


def _pools(corpora: Found) -> str:
    rows = [
        (corpus, name, f"{pool['documents']:,}", f"{pool['bytes'] / 1e6:.2f}", f"{pool['tokens']:,}")
        for corpus, found in corpora.items()
        for name, pool in found["pools"].items()
    ]
    return _table(("corpus", "pool", "documents", "MB of text", "tokens"), rows)


def _epochs(found: Sequence[Found]) -> str:
    """Returns the passes over the whole pool, mean of the seeds."""
    passes: dict[tuple[str, str], list[float]] = {}
    for each in found:
        passes.setdefault((each["corpus"], each["arm"]), []).append(each["passes"])
    rows = [(corpus, arm, f"{sum(of) / len(of):.2f}") for (corpus, arm), of in passes.items()]
    return _table(("corpus", "arm", "passes through its documents"), rows)


def _rising(curves: Sequence[Found]) -> str:
    """Returns which arms' curves rise at their end; nothing where none does."""
    arms = [arm for arm, _, bits in _mean_curves(curves) if bits[-1] > bits[-2]]
    said = f"Curves that rise at their end: {', '.join(arms)}; why has not been looked into. "
    return said if arms else ""


def _extraction(differences: Found) -> str:
    """Returns what became of pages of the web, where extraction tells the two pipelines apart."""
    pairs = [corpora[AS_FOUND]["curated - datatrove"] for corpora in differences.values() if AS_FOUND in corpora]
    if not pairs or not all(each["low"] > 0 for each in pairs):
        return "On the web as found neither is better in every tier."
    return (
        "On the web as found datatrove's recipe is better in every tier. Looking at what was kept: it "
        "has fewer pages, and trafilatura left out menus which Resiliparse's main content, that this spec has, kept."
    )


def _held_out(found: Found) -> str:
    rows = [(source, str(of["drawn"]), str(of["documents"]), f"{of['bytes']:,}") for source, of in found.items()]
    return _table(("source", "drawn", "without overlap", "bytes"), rows)


def _bits(found: Found) -> str:
    sources = list(next(iter(next(iter(next(iter(found.values())).values())).values())))
    rows = [
        (tier, corpus, arm, *(f"{of[source]:.3f}" for source in sources))
        for tier, corpora in found.items()
        for corpus, arms in corpora.items()
        for arm, of in arms.items()
    ]
    return _table(("model", "corpus", "arm", *sources), rows)


def _differences(found: Found) -> str:
    rows = [
        (tier, corpus, pair.replace(" - ", " less "), _interval(each), f"{each['seeds_below']} of {each['seeds']}")
        for tier, corpora in found.items()
        for corpus, pairs in corpora.items()
        for pair, each in pairs.items()
    ]
    return _table(("model", "corpus", "arms", "difference", "seeds below zero"), rows)


def _interval(each: Found) -> str:
    return f"{each['mean']:+.3f} [{each['low']:+.3f}, {each['high']:+.3f}]"


def _recall(rates: Found, recall: Found) -> str:
    ours, theirs = ({each["kind"]: each for each in recall[name]} for name in ("curated", "datatrove"))
    rows = [
        (
            kind.replace("_", " "),
            f"{rate:.0%}",
            str(ours[kind]["records"]),
            f"{ours[kind]['found'] / ours[kind]['records']:.1%}",
            f"{theirs[kind]['found'] / theirs[kind]['records']:.1%}",
            ", ".join(f"`{rule}` {count}" for rule, count in recall["rules"].get(kind, [])[:2]),
        )
        for kind, rate in rates.items()
    ]
    return _table(("kind", "rate", "records", "Gristmill", "datatrove", "what dropped most of it here"), rows)


def _salad(recall: Found) -> str:
    """Returns what became of words in random order, which no rule on words can tell from text."""
    found = next(each for each in recall["curated"] if each["kind"] == "word_salad")
    share = found["found"] / found["records"]
    return (
        f"Words in random order pass: {share:.0%} were found. Rules count words and do not read them in their "
        "order; a gate on `perplexity` does, and needs a model of text like the one that is wanted."
        if share < 0.5
        else f"Of words in random order, {share:.0%} were found."
    )
