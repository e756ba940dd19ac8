"""When a listed word is not meant as one: in quotation marks, named as a word, in a name, in medicine or law.

The rules are ours, and deliberately few. Quotation marks count in every language, the others in English. They are blind
to irony and to who speaks: what quotes abuse to spread it passes too.
"""

import re
from typing import NamedTuple

WINDOW_WORDS = 12
"""Words before and after an entry that the rule on medicine and law looks at."""
MENTION_WORDS = 3
QUOTED_CHARS = 240
"""Quotation marks further away than this are another's."""

PAIRS = {"“": "”", "„": "“”", "«": "»", "»": "«", "‹": "›", "「": "」", "『": "』", "‘": "’", '"': '"'}
_OPENING, _CLOSING = frozenset(PAIRS), frozenset("".join(PAIRS.values()))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


MENTION = _set("word words term terms slur slurs phrase epithet insult insults called calling expression")

NAMES = _set("beaver boner butt cock cocks coon dick escort fag hooker kinky lolita playboy santorum spunk")
"""Entries that are surnames, places or makes too: Dick Cheney, Cock Lane, Ford Escort."""

FACTUAL = _set(
    "anal anus clitoris domination ejaculation erotic escort eunuch fecal genitals grope incest intercourse "
    "masturbation nipple nipples nude nudity orgasm paedophile pedophile penis pornography rape raping rapist "
    "rectum sadism semen sex sexual sexuality sexually sodomy spastic swastika topless vagina viagra vulva cialis "
    "voyeur negro"
)
"""Entries that medicine, law, history and art use too."""
FACTUAL_CONTEXT = _set(
    "abuse accused allegations anatomy arrested art artist assault atresia biology birth bladder blood bowel "
    "cancer cell cells charged charges chromosome clinic clinical colon condition convicted court crime criminal "
    "diagnosed diagnosis differences disease diseases doctor doctors drug education evidence exhibition gender "
    "gene genes genetic gland glands health history hiv hormone hormones hospital infection infections intestine "
    "intestines investigation jury law medical medicine museum nazi offender offenders organ organs orientation "
    "painting paraplegia patient patients pregnancy prison prosecutor ratio reproduction reproductive research "
    "risk sculpture sentenced species stool studies study surgery survivor survivors symptoms syndrome therapy "
    "tissue transmitted treatment trial tumor urinary uterus victim victims violence virus"
)

PHRASES = {
    "tit": ("tit for tat", "blue tit", "great tit", "coal tit", "marsh tit", "willow tit", "crested tit"),
    "tits": ("blue tits", "great tits", "coal tits"),
    "cock": ("cock crow", "cock a hoop", "weather cock", "cock and bull", "stop cock"),
    "pussy": ("pussy cat", "pussy willow", "pussy riot"),
    "butt": ("butt of the joke", "butt of jokes", "cigarette butt", "butt in"),
    "bastard": ("magnificent bastard", "bastard sword", "bastard son"),
    "suck": ("suck up", "suck in", "suck the", "suck on a sweet"),
    "sucks": ("sucks in", "sucks up", "sucks air", "sucks water"),
    "snatch": ("snatch block", "snatch theft", "clean and snatch", "snatch a", "snatch the", "snatch victory"),
    "strap on": ("strap on a helmet", "strap on your"),
    "hard core": ("hard core of",),
    "domination": ("world domination",),
    "bondage": ("in bondage", "bondage of"),
}
"""Innocent phrases of English by the entry that they hold."""


class Use(NamedTuple):
    """An entry where it stands: the text, the bounds in code points, and the words (lower case) around it."""

    entry: str
    text: str
    start: int
    end: int
    before: list[str]
    after: list[str]


def is_excused(use: Use, language: str) -> bool:
    """Returns whether a context rule says that the entry is not meant as a bad word here."""
    if _is_quoted(use):
        return True
    return language == "en" and (_is_mentioned(use) or _is_name(use) or _is_factual(use) or _is_phrase(use))


def _is_quoted(use: Use) -> bool:
    """Whether the nearest quotation mark before it, on its line, opens and the nearest one after it closes that."""
    left = use.text[max(0, use.start - QUOTED_CHARS) : use.start].rpartition("\n")[2]
    right = use.text[use.end : use.end + QUOTED_CHARS].partition("\n")[0]
    opening = next((mark for mark in reversed(left) if mark in _OPENING or mark in _CLOSING), "")
    closing = next((mark for mark in right if mark in _OPENING or mark in _CLOSING), "")
    if opening == '"' and left.count('"') % 2 == 0:
        return False
    return bool(closing) and closing in PAIRS.get(opening, "")


def _is_mentioned(use: Use) -> bool:
    return not MENTION.isdisjoint(use.before[-MENTION_WORDS:])


def _is_name(use: Use) -> bool:
    """Whether it is a possible name, has a capital, and so has a word beside it."""
    written = use.text[use.start : use.end]
    if use.entry not in NAMES or not written[0].isupper() or written.isupper():
        return False
    beside = re.search(r"([^\W\d_]\w*)\.?[ -]$", use.text[max(0, use.start - 40) : use.start])
    following = re.match(r"[ -]([^\W\d_]\w*)", use.text[use.end : use.end + 40])
    return any(match is not None and match.group(1)[0].isupper() for match in (beside, following))


def _is_factual(use: Use) -> bool:
    return use.entry in FACTUAL and not FACTUAL_CONTEXT.isdisjoint([*use.before, *use.after])


def _is_phrase(use: Use) -> bool:
    around = " ".join([*use.before[-3:], *use.entry.split(), *use.after[:4]])
    return any(f" {phrase} " in f" {around} " for phrase in PHRASES.get(use.entry, ()))
