"""Published sets of rules, by name. Each says where its numbers stand; where sources differ, each has a preset.

Rae et al. 2021: arXiv 2112.11446. Raffel et al. 2020 (C4): arXiv 1910.10683. Xue et al. 2021 (mC4): arXiv 2010.11934.
Penedo et al. 2023 (RefinedWeb): arXiv 2306.01116. Penedo et al. 2024 (FineWeb): arXiv 2406.17557. Wenzek et al. 2020
(CCNet): arXiv 1911.00359. Soldaini et al. 2024 (Dolma): arXiv 2402.00159. Li et al. 2024 (DCLM): arXiv 2406.11794.
"""

from curation.errors import SpecError
from curation.quality.gates import Rule, When
from curation.quality.stop_words import STOP_WORDS

Bounds = dict[str, tuple[float | None, float | None]]

ENGLISH = When(language=("en",))


def _rules(bounds: Bounds, when: When = When()) -> tuple[Rule, ...]:  # noqa: B008 - frozen
    return tuple(Rule(signal=name, min=low, max=high, when=when) for name, (low, high) in bounds.items())


def _with(rules: tuple[Rule, ...], **replacements: Rule) -> tuple[Rule, ...]:
    """Returns `rules` with those on the named signals replaced."""
    return tuple(replacements.get(rule.signal, rule) for rule in rules)


# Rae et al. 2021, table A1. English-only where words of English are counted.
GOPHER_QUALITY = (
    *_rules(
        {
            "num_words": (50, 100_000),
            "mean_word_length": (3, 10),
            "symbol_word_ratio_hash": (None, 0.1),
            "symbol_word_ratio_ellipsis": (None, 0.1),
            "bullet_line_fraction": (None, 0.9),
            "ellipsis_line_fraction": (None, 0.3),
            "alpha_word_fraction": (0.8, None),
        }
    ),
    Rule(signal="num_stop_words", min=2, when=ENGLISH),
)
GOPHER_REPETITION = _rules(
    {
        "dup_line_fraction": (None, 0.30),
        "dup_paragraph_fraction": (None, 0.30),
        "dup_line_char_fraction": (None, 0.20),
        "dup_paragraph_char_fraction": (None, 0.20),
        "top_2gram_char_fraction": (None, 0.20),
        "top_3gram_char_fraction": (None, 0.18),
        "top_4gram_char_fraction": (None, 0.16),
        "dup_5gram_char_fraction": (None, 0.15),
        "dup_6gram_char_fraction": (None, 0.14),
        "dup_7gram_char_fraction": (None, 0.13),
        "dup_8gram_char_fraction": (None, 0.12),
        "dup_9gram_char_fraction": (None, 0.11),
        "dup_10gram_char_fraction": (None, 0.10),
    }
)
# datatrove's share of words with a letter counts punctuation as words.
GOPHER_QUALITY_DATATROVE = _with(GOPHER_QUALITY, alpha_word_fraction=Rule(signal="alpha_token_fraction", min=0.8))
GOPHER_QUALITY_MULTILINGUAL = _with(
    GOPHER_QUALITY,
    num_stop_words=Rule(signal="num_local_stop_words", min=2, when=When(language=tuple(sorted(STOP_WORDS)))),
)
# Median for mean, bullets `*` and `-`.
GOPHER_QUALITY_DOLMA = _with(
    GOPHER_QUALITY,
    mean_word_length=Rule(signal="median_word_length", min=3, max=10),
    bullet_line_fraction=Rule(signal="star_bullet_line_fraction", max=0.9),
)
# Dolma v1.5 allows more characters in duplicate lines.
GOPHER_REPETITION_DOLMA = _with(
    GOPHER_REPETITION, dup_line_char_fraction=Rule(signal="dup_line_char_fraction", max=0.30)
)
# DCLM counts every occurrence of a stop word.
GOPHER_QUALITY_DCLM = _with(GOPHER_QUALITY, num_stop_words=Rule(signal="stop_word_occurrences", min=2, when=ENGLISH))

# Penedo et al. 2023 (RefinedWeb), appendix G.1; the order of datatrove's URLFilter. Two soft words are too many.
URL_RULES = (
    *(Rule(signal=name, absent=True) for name in ("url_domain", "url_host", "url_page", "url_hard_word")),
    Rule(signal="num_url_soft_words", max=1),
    Rule(signal="url_strict_word", absent=True),
)

PRESETS: dict[str, tuple[Rule, ...]] = {
    "url_rules": URL_RULES,
    "gopher_quality": GOPHER_QUALITY,
    "gopher_repetition": GOPHER_REPETITION,
    "gopher_quality_datatrove": GOPHER_QUALITY_DATATROVE,
    "gopher_quality_multilingual": GOPHER_QUALITY_MULTILINGUAL,
    # Raffel et al. 2020, section 2.2, after the edit `c4_lines`
    "c4": _rules({"num_sentences": (5, None), "num_lorem_ipsum": (None, 0), "num_curly_brackets": (None, 0)}),
    # Raffel et al. 2020, section 2.2: pages with a word of LDNOOBW; and the same with the rules of `bad_word_context`
    "c4_bad_words": _rules({"num_listed_words": (None, 0)}),
    "bad_words_in_context": _rules({"num_bad_words": (None, 0)}),
    # models/toxicity.json: of texts held out, 1.2% of the inoffensive ones are above it; people decide
    "toxicity": (Rule(signal="toxicity_score", max=0.9, action="review"),),
    # Xue et al. 2021, section 3.1
    "mc4": _rules({"third_longest_line_chars": (200, None)}),
    # datatrove 0.10.1, FineWebQualityFilter
    "fineweb": _rules(
        {
            "end_mark_line_fraction": (0.12, None),
            "short_line_fraction": (None, 0.67),
            "repeated_line_char_fraction": (None, 0.01),
            "newline_word_ratio": (None, 0.3),
        }
    ),
    # Penedo et al. 2024, section 3.6
    "fineweb_paper": _rules(
        {
            "end_mark_line_fraction": (0.12, None),
            "short_line_fraction": (None, 0.67),
            "repeated_line_char_fraction": (None, 0.1),
        }
    ),
    # Penedo et al. 2023, appendix G.2: 5% of the words, after the edit `refinedweb_lines`
    "refinedweb": _rules({"removed_word_fraction": (None, 0.05)}),
    "gopher_quality_dclm": GOPHER_QUALITY_DCLM,
    # NeMo Curator, heuristic filters for English beside Gopher's
    "nemo_english": _rules(
        {
            "non_alphanumeric_fraction": (None, 0.25),
            "digit_fraction": (None, 0.15),
            "url_char_fraction": (None, 0.2),
            "white_space_fraction": (None, 0.25),
            "bracket_fraction": (None, 0.1),
            "boilerplate_paragraph_fraction": (None, 0.4),
            "no_end_mark_line_fraction": (None, 0.85),
            "longest_word_chars": (None, 1000),
        },
        ENGLISH,
    ),
    "dolma": (*GOPHER_QUALITY_DOLMA, *GOPHER_REPETITION_DOLMA),
    # Wenzek et al. 2020, section 3.1; the rule on perplexity needs a language model
    "ccnet_length": _rules({"num_chars": (300, None)}),
}


def preset_rules(name: str) -> tuple[Rule, ...]:
    """Returns the rules of a published preset.

    Raises:
        SpecError: there is no preset of that name.
    """
    if name not in PRESETS:
        raise SpecError(f"preset: expected one of {', '.join(sorted(PRESETS))}, found {name!r}")
    return PRESETS[name]
