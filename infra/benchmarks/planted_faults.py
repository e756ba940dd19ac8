"""Children of real paragraphs with and without a planted fault, by a seeded planter, to measure verification with.

A clean child is its parent with some words left out or exchanged with their neighbour, sentence by sentence, so that
long runs of words break and every fact stays: a stand-in for a rewriting whose truth is known. A faulty one is a clean
child with one fault. The wording of refusals and leftovers is written here apart from the lists that look for them.
"""

import functools
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources

from curation.synthesis.verification.facts import fact_words, facts_of
from curation.synthesis.verification.pieces import Token, folded, sentences_of, tokens_of

SPACELESS = frozenset({"zh", "ja", "th"})
TOUCHED = 0.35
"""Share of plain words that are left out or exchanged: an unbroken run of eight words is then rare."""

REFUSALS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "I'm sorry, but I can't help with rewriting this passage.",
        "As an AI developed to be helpful, I do not have opinions about this text.",
        "I apologize, but I cannot rewrite content of this kind. Is there anything else?",
        "Unfortunately I am unable to process this request.",
        "I won't rewrite this.",
    ),
    "de": (
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Als KI-Sprachmodell darf ich diesen Text nicht umschreiben.",
        "Leider kann ich diese Anfrage nicht bearbeiten.",
    ),
    "es": (
        "Lo siento, pero no puedo ayudar con esa solicitud.",
        "Como modelo de lenguaje, no tengo permiso para reescribir este texto.",
        "Lamentablemente no puedo procesar esta petición.",
    ),
    "ru": (
        "Извините, но я не могу помочь с этим запросом.",
        "Как языковая модель, я не имею собственного мнения.",
        "Мне не разрешено переписывать этот текст.",
    ),
    "zh": (
        "很抱歉，我无法协助处理这个请求。",
        "作为一个人工智能语言模型，我不能改写这段文字。",
        "我没有办法完成这项任务。",
    ),
}
LEFTOVERS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Sure! Here is the rewritten passage:\n\n{}",
        "{}\n\nLet me know if you need anything else!",
        "Certainly, here you go: {}",
    ),
    "de": ("Gerne! Hier ist der umformulierte Text:\n\n{}", "Hier ist die überarbeitete Fassung:\n{}"),
    "es": ("¡Claro! Aquí tienes el texto reescrito:\n\n{}", "Por supuesto. {}\n\nEspero que te sirva."),
    "ru": ("Конечно! Вот переписанный текст:\n\n{}", "Вот новая версия:\n{}"),
    "zh": ("当然！以下是改写后的文本：\n\n{}", "好的，改写如下：\n{}"),
    "any": (
        "<|im_start|>assistant\n{}<|im_end|>",
        "{}</s>",
        "[INST] {} [/INST]",
        "{} {{passage}}",
        "### Response:\n{}",
    ),
}
CONTACTS = (
    " {}: m.keller{}@example-firma.de.",
    " {}: +44 20 7946 0{}.",
    " {}: j.doe.{}@keller-verlag.de",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A real paragraph; `title` is that of its article, `key` the same in every language."""

    key: str
    title: str
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A child of `parent` with one fault (`kind`), or none ("clean")."""

    kind: str
    parent: Paragraph
    text: str


class Planter:
    """Makes children of paragraphs; each depends on the seed, the paragraph and the kind only."""

    def __init__(self, paragraphs: list[Paragraph], *, seed: int = 1) -> None:
        self.paragraphs, self.seed = paragraphs, seed
        self.by_place = {(one.language, one.key): one for one in paragraphs}
        self.names: dict[str, list[str]] = {}
        for one in paragraphs:
            self.names.setdefault(one.language, []).extend(facts_of(one.text, one.language).names)

    def children(self, parent: Paragraph) -> list[Planted]:
        """Returns a clean child and one of each fault that can be planted in it."""
        clean = self.rewritten(parent)
        made = [Planted(kind="clean", parent=parent, text=clean)]
        for kind, plant in FAULTS.items():
            text = plant(self, parent, clean, self.random(parent, kind))
            if text is not None and text != clean:
                made.append(Planted(kind=kind, parent=parent, text=text))
        return made

    def random(self, parent: Paragraph, kind: str) -> random.Random:
        """Returns the generator of a child."""
        return random.Random(  # noqa: S311 - no secret
            f"{self.seed}/{parent.language}/{parent.key}/{kind}"
        )

    def rewritten(self, parent: Paragraph) -> str:
        """Returns a clean child."""
        rng = self.random(parent, "clean")
        parts = [_loosened(sentence, parent.language, rng) for sentence in sentences_of(parent.text.lstrip("\ufeff"))]
        return ("" if parent.language in SPACELESS else " ").join(parts)


def _in_phrases(sentence: str, tokens: list[Token], language: str) -> list[bool]:
    """Returns which tokens are in a phrase that has a negation's word and does not deny, such as `sin embargo`."""
    phrases = _lists()[language].get("but_not", [])
    spans = [match.span() for phrase in phrases for match in re.finditer(re.escape(phrase), sentence.casefold())]
    return [any(begin <= token.begin < end for begin, end in spans) for token in tokens]


@functools.cache
def _lists() -> Mapping[str, Mapping[str, list[str]]]:
    content = resources.files("curation.synthesis.verification").joinpath("negations.json").read_bytes()
    lists: Mapping[str, Mapping[str, list[str]]] = json.loads(content)
    return lists


@functools.cache
def _negations(language: str) -> frozenset[str]:
    return frozenset(map(folded, _lists()[language]["words"]))


def _loosened(sentence: str, language: str, rng: random.Random) -> str:
    """Leaves out or exchanges plain words: no name, unit or negation, no number and nothing behind one."""
    tokens = tokens_of(sentence)
    words, negations = fact_words(language), _negations(language)
    fixed = "".join(sorted(negations)) if language in SPACELESS else ""
    firm = [
        token.text != token.text.lower()
        or any(char.isdecimal() for char in token.text)
        or folded(token.text) in negations
        or token.text in fixed
        or token.text.casefold() in words.units
        or token.text.casefold() in words.numbers
        or token.text.casefold() in words.months
        for token in tokens
    ]
    is_number = [any(char.isdecimal() for char in token.text) for token in tokens]
    firm = [a or b for a, b in zip(firm, _in_phrases(sentence, tokens, language), strict=True)]
    pieces, last, place = [], 0, 1
    while place < len(tokens) - 1:
        token, after = tokens[place], tokens[place + 1]
        if firm[place] or firm[place + 1] or is_number[place - 1] or rng.random() > TOUCHED:
            place += 1
            continue
        between = sentence[token.end : after.begin]
        if rng.random() < 0.5 and between in (" ", ""):
            pieces += [sentence[last : token.begin], after.text, between, token.text]
            last = after.end
        else:
            pieces.append(sentence[last : token.begin].rstrip(" ") if between == " " else sentence[last : token.begin])
            last = token.end
        place += 2
    return "".join(pieces) + sentence[last:]


def changed_number(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """One number of two or more digits becomes another of as many."""
    found = [match for match in re.finditer(r"(?<!\d)\d{2,}(?!\d)", clean)]
    if not found:
        return None
    match = rng.choice(found)
    known = facts_of(parent.text, parent.language).numbers
    width = len(match.group())
    while (other := str(rng.randrange(10 ** (width - 1), 10**width))) in known:
        pass
    return clean[: match.start()] + other + clean[match.end() :]


def changed_month(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """One month, beside a number or long, becomes another, in any of its forms."""
    months = fact_words(parent.language).months
    known = facts_of(clean, parent.language).months
    found = [token for token in tokens_of(clean) if months.get(token.text.casefold()) in known]
    if not found:
        return None
    token = rng.choice(found)
    old = facts_of(parent.text, parent.language).months
    other = rng.choice([name for name, number in months.items() if number not in old and len(name) > 4])
    return clean[: token.begin] + (other.capitalize() if token.text[0].isupper() else other) + clean[token.end :]


def changed_unit(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """The unit of one number becomes another."""
    units = fact_words(parent.language).units
    names = sorted((name for name in units if len(name) > 2 or not name.isascii()), key=len, reverse=True)
    pattern = re.compile(rf"(\d[ \u00a0]?)({'|'.join(map(re.escape, names))})(?![^\W\d_])", re.I)
    if parent.language in SPACELESS:
        pattern = re.compile(rf"(\d[ \u00a0]?)({'|'.join(map(re.escape, names))})", re.I)
    found = [*pattern.finditer(clean)]
    if not found:
        return None
    match = rng.choice(found)
    old = units[match.group(2).casefold()]
    others = [name for name in names if units[name] != old and units[name].split("-")[0] == old.split("-")[0]]
    return clean[: match.start(2)] + rng.choice(others) + clean[match.end() :] if others else None


def invented_name(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """One name becomes a name of another article in the same language."""
    names = facts_of(clean, parent.language).names
    known = {folded(token.text)[:4] for token in tokens_of(parent.text)}
    others = [name for name in planter.names[parent.language] if folded(name)[:4] not in known]
    if not names or not others:
        return None
    old, new = rng.choice(names), rng.choice(others)
    return re.sub(rf"\b{re.escape(old)}\b", new, clean)


def dropped_negation(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """A word that denies goes, where its sentence has one only."""
    negations = _negations(parent.language)
    found = []
    for sentence in sentences_of(clean):
        if parent.language in SPACELESS:
            hits = [(m.start(), m.end()) for m in re.finditer("不|没有|未能", sentence)]
            hits = [
                hit
                for hit in hits
                if sentence[hit[0] : hit[0] + 2]
                not in ("不仅", "不同", "不过", "不断", "不久", "不少", "不但", "不管", "不论", "不列")
            ]
        else:
            tokens = tokens_of(sentence)
            free = zip(tokens, _in_phrases(sentence, tokens, parent.language), strict=True)
            hits = [(t.begin, t.end) for t, bound in free if folded(t.text) in negations and not bound]
        if len(hits) == 1 and len(tokens_of(sentence)) > 6:
            found.append((sentence, hits[0]))
    if not found:
        return None
    sentence, (begin, end) = rng.choice(found)
    return clean.replace(sentence, sentence[:begin].rstrip(" ") + sentence[end:], 1)


def wrong_language(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """The same paragraph in another language."""
    others = sorted({language for language, key in planter.by_place if key == parent.key} - {parent.language})
    return planter.rewritten(planter.by_place[rng.choice(others), parent.key]) if others else None


def copied(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """The parent, word for word."""
    return parent.text


def drifted(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """A clean child of a paragraph of another article in the same language."""
    others = [one for one in planter.paragraphs if one.language == parent.language and one.title != parent.title]
    return planter.rewritten(rng.choice(others)) if others else None


def refused(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """A refusal before the text, or nothing else."""
    said = rng.choice(REFUSALS[parent.language])
    return said if rng.random() < 0.5 else f"{said} {clean}"


def left_over(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """The text between what a model says about its task, or marks of a template."""
    return rng.choice((*LEFTOVERS[parent.language], *LEFTOVERS["any"])).replace("{}", clean, 1)


def truncated(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """The first tenth."""
    return clean[: len(clean) // 10]


def invented_pii(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """A contact that the parent has not."""
    label = {"en": "Contact", "de": "Kontakt", "es": "Contacto", "ru": "Контакт", "zh": "联系方式"}[parent.language]
    return clean + rng.choice(CONTACTS).format(label, rng.randrange(100, 1000))


def repeated(planter: Planter, parent: Paragraph, clean: str, rng: random.Random) -> str | None:
    """The last sentence over and over, as a model in a loop writes."""
    return clean + " " + " ".join([sentences_of(clean)[-1]] * 8)


Fault = Callable[[Planter, Paragraph, str, random.Random], str | None]
FAULTS: Mapping[str, Fault] = {
    plant.__name__: plant
    for plant in (
        changed_number,
        changed_month,
        changed_unit,
        invented_name,
        dropped_negation,
        wrong_language,
        copied,
        drifted,
        refused,
        left_over,
        truncated,
        invented_pii,
        repeated,
    )
}
