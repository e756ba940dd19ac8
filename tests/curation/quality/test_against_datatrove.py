"""Our rules, one by one, against the verdicts that datatrove 0.10.1 itself gave on 1,190 documents of the corpora.

datatrove names the first rule that fails: of a document, its verdict on that rule and on those before it is known, on those
after it is not. Compared are documents in scripts with spaces (it judged the others by its English tokenizer too) whose
value is more than 5% from the bound. What differs on purpose:

- datatrove's words are spaCy's tokens, so punctuation counts as words and n-grams hold it; ours are words. Only the share
  of words with a letter has a variant with punctuation (`alpha_token_fraction`), as there it decides.
- Stop words count in any case; datatrove compares "The" with "the".
- Our n-grams ignore case.
- Sentences end by marks alone; spaCy also knows abbreviations.
"""

import gzip
import hashlib
import json
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from curation.plan import EDITS
from curation.quality.c4 import C4
from curation.quality.fineweb import FineWeb
from curation.quality.gopher import GopherQuality, GopherRepetition
from curation.quality.gopher_variants import GopherVariants
from curation.quality.presets import preset_rules
from curation.schema import EDIT

QUALITY = {
    "num_words": ("gopher_short_doc", "gopher_long_doc"),
    "mean_word_length": ("gopher_below_avg_threshold", "gopher_above_avg_threshold"),
    "symbol_word_ratio_hash": ("gopher_too_many_hashes",),
    "symbol_word_ratio_ellipsis": ("gopher_too_many_ellipsis",),
    "bullet_line_fraction": ("gopher_too_many_bullets",),
    "ellipsis_line_fraction": ("gopher_too_many_end_ellipsis",),
    "alpha_token_fraction": ("gopher_below_alpha_threshold",),
    "num_stop_words": ("gopher_enough_stop_words",),
}
REPETITION = {
    "dup_paragraph_fraction": ("dup_para_frac",),
    "dup_paragraph_char_fraction": ("dup_para_char_frac",),
    "dup_line_fraction": ("dup_line_frac",),
    "dup_line_char_fraction": ("dup_line_char_frac",),
    **{f"top_{n}gram_char_fraction": (f"top_{n}_gram",) for n in (2, 3, 4)},
    **{f"dup_{n}gram_char_fraction": (f"duplicated_{n}_n_grams",) for n in range(5, 11)},
}
LINES = {
    "end_mark_line_fraction": ("empty", "line_punct_ratio"),
    "short_line_fraction": ("short_line_ratio",),
    "repeated_line_char_fraction": ("char_dup_ratio",),
    "newline_word_ratio": ("list_ratio",),
}
SENTENCES = {
    "num_lorem_ipsum": ("lorem_ipsum",),
    "num_curly_brackets": ("curly_bracket",),
    "num_sentences": ("too_few_sentences",),
}
FILTERS = {
    "gopher_qual": ((GopherQuality(), GopherVariants()), "gopher_quality_datatrove", QUALITY),
    "gopher_rep": ((GopherRepetition(),), "gopher_repetition", REPETITION),
    "fineweb": ((FineWeb(),), "fineweb", LINES),
    "c4": ((EDITS["c4_lines"], C4()), "c4", SENTENCES),
    "c4_nopunct": ((EDITS["c4_lines_any_end"], C4()), "c4", SENTENCES),
}
NEAR = 0.05
ON_PURPOSE = {
    "mean_word_length": (0.98, "code: `a.b_c` is one of spaCy's tokens and three words here"),
    "alpha_token_fraction": (
        0.97,
        "manual pages and troff: spaCy takes `\\,OPTION\\/` as one token, which has letters",
    ),
    "top_2gram_char_fraction": (0.98, "short texts: the first two tokens are two words here, a word and a mark there"),
    "top_3gram_char_fraction": (0.98, "as with 2"),
    "top_4gram_char_fraction": (0.97, "as with 2"),
    "dup_5gram_char_fraction": (0.98, "code and lists of laws: a mark more between words makes another 5-gram"),
}
"""Rules below 99%, with the least share of agreement and what documents they differ on."""


def rows_of(path):
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        yield from map(json.loads, opened)


@pytest.fixture(scope="module")
def judged(corpora):
    """Returns (their verdicts, our batch) of the documents in scripts with spaces."""
    by_path = defaultdict(dict)
    for verdict in rows_of(corpora / "peer_cases" / "datatrove_verdicts_dev.jsonl.gz"):
        by_path[verdict["path"]][str(verdict["id"])] = verdict
    verdicts, texts = [], []
    for path, by_id in by_path.items():
        for row in rows_of(corpora.parent / path):
            verdict = by_id.get(str(row["id"]))
            if verdict and hashlib.sha256(row["text"].encode()).hexdigest() == verdict["sha256_text"]:
                verdicts.append(verdict)
                texts.append(row["text"])
    edits = pa.array([[] for _ in texts], pa.list_(EDIT))
    batch = pa.record_batch({"text": pa.array(texts, pa.string()), "edits": edits})
    is_spaced = GopherQuality()(batch)["signal.mean_word_length"].is_valid()
    kept = [verdict for verdict, spaced in zip(verdicts, is_spaced.to_pylist(), strict=True) if spaced]
    assert len(kept) > 1100
    return kept, batch.filter(is_spaced)


def measured(name, batch):
    """Returns (our rules in their order, (passes, is near the bound) by rule, both (N,))."""
    steps, preset, reasons = FILTERS[name]
    for step in steps:
        batch = step(batch)
    rules = {rule.signal: rule for rule in preset_rules(preset)}
    outcomes = {}
    for signal in reasons:
        values = batch[f"signal.{signal}"].to_numpy(zero_copy_only=False)
        bounds = [bound for bound in (rules[signal].min, rules[signal].max) if bound is not None]
        low = -np.inf if rules[signal].min is None else rules[signal].min
        high = np.inf if rules[signal].max is None else rules[signal].max
        near = np.any([np.abs(values - bound) <= NEAR * bound for bound in bounds if bound], axis=0)
        outcomes[signal] = ((values >= low) & (values <= high), near if any(bounds) else np.zeros(values.size, bool))
    return outcomes


def theirs_on(name, verdicts, signal):
    """Returns (their verdict on a rule, whether it is known), both (N,)."""
    order = list(FILTERS[name][2].values())
    place = list(FILTERS[name][2]).index(signal)
    failed = [
        next((i for i, of in enumerate(order) if v[name] is not True and v[name][1] in of), len(order))
        for v in verdicts
    ]
    first = np.array(failed)
    assert all(v[name] is True or at < len(order) for v, at in zip(verdicts, failed, strict=True)), (
        "a reason of theirs is not listed"
    )
    return first != place, first >= place


@pytest.mark.parametrize(
    ("name", "signal"), [(name, signal) for name, (_, _, reasons) in FILTERS.items() for signal in reasons]
)
def test_a_rule_agrees_on_99_of_100_documents_that_are_not_near_its_bound(name, signal, judged):
    verdicts, batch = judged
    ours, near = measured(name, batch)[signal]
    theirs, known = theirs_on(name, verdicts, signal)
    compared = known & ~near
    assert compared.sum() > 300
    agreement = np.mean((ours == theirs)[compared])
    least, _reason = ON_PURPOSE.get(signal, (0.99, ""))
    assert agreement >= least
    assert signal not in ON_PURPOSE or agreement < 0.99, "agrees: take it off the list"


@pytest.mark.parametrize(
    ("name", "share"),
    [("gopher_qual", 0.98), ("gopher_rep", 0.95), ("fineweb", 0.99), ("c4", 0.99), ("c4_nopunct", 0.99)],
)
def test_a_filter_agrees_on_documents_near_its_bounds_too(name, share, judged):
    verdicts, batch = judged
    passes = np.logical_and.reduce([ours for ours, _ in measured(name, batch).values()])
    theirs = np.array([verdict[name] is True for verdict in verdicts])
    assert np.mean(passes == theirs) >= share


def test_counting_punctuation_as_words_decides_the_rule_on_letters(judged):
    verdicts, batch = judged
    words = GopherQuality()(batch)["signal.alpha_word_fraction"].to_numpy(zero_copy_only=False)
    theirs, known = theirs_on("gopher_qual", verdicts, "alpha_token_fraction")
    assert np.mean(((words >= 0.8) == theirs)[known]) < 0.95
