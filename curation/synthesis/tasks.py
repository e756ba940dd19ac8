"""Tasks in prose: what a text says of a heading, a definition, an answer; gaps, order, connectives, reasons.

Each function yields candidates from an outline, in the order of the text; `curation.synthesis.mined` chooses. A task
is a passage of the document, an instruction and the answer that the document gives. Kinds after Cheng et al. 2023
(AdaptLLM, arXiv 2309.09530, table 2); rules and words are ours.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from curation.synthesis.draws import Draws
from curation.synthesis.outline import Block, Outline, is_phrase
from curation.synthesis.wording import SPACELESS, Wording

GAP = "____"
PASSAGE_CHARS = 900
ANSWER_CHARS = 1500
TITLE_CHARS, MAX_TITLE_WORDS = 80, 14
MIN_BODY, MIN_ANSWER = 120, 50
MIN_QUESTION = 8
MAX_TERM = 60
MAX_TERM_WORDS = 5
LETTERS = "ABCDE"

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:[-’'][^\W_]+)*|\d[\d.,]*\d")
_UNSPACED_TERM = re.compile(r"[ァ-ヴー]{3,}|[A-Za-z]{3,}|\d{2,}|(?<=[「『《“])[^「」『』《》“”]{2,12}(?=[」』》”])")
_BEFORE, _AFTER = re.compile(r"\w{4,}(?:[\s-]\w{1,3})?[\s-]$"), re.compile(r"[\s-](?:\w{1,3}[\s-])?\w{4,}")
"""The next long word of a sentence, with a short one between: "système de" before "fichiers"."""
_REFERENCE = re.compile(r":\s+(?:\w+\s+)?\d+(?:\.\d+)+\s")
"""The number of a section in the midst of a question: it refers to one that is elsewhere."""
_HIRAGANA_END = re.compile(r"[ぁ-ゟ]$")
_PARENTHESES = re.compile(r"\s*[（(][^()（）]{0,80}[)）]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task; `blocks` are the places in the outline of what it uses."""

    template: str
    text: str
    blocks: frozenset[int]


Miner = Callable[[Outline, Wording, Draws], Iterator[Task]]


def _asked(passage: str, instruction: str, answer: str, wording: Wording) -> str:
    asked = f"{wording.question}{wording.colon}{instruction}\n{wording.answer}{wording.colon}{answer}"
    return f"{passage}\n\n{asked}" if passage else asked


def _scaled(chars: int, wording: Wording) -> int:
    """Returns about as many characters of a script without spaces as say the same."""
    return chars * 2 // 5 if wording.language in SPACELESS else chars


def _windows(block: Block, *, least: int, most: int) -> Iterator[tuple[str, ...]]:
    """Yields runs of good sentences of at most `PASSAGE_CHARS`, at least and at most so many, end to end."""
    for run in block.runs():
        start = 0
        while start < len(run):
            stop, size = start, 0
            while stop < len(run) and stop - start < most and size + len(run[stop]) <= PASSAGE_CHARS:
                size, stop = size + len(run[stop]), stop + 1
            if stop - start >= least:
                yield run[start:stop]
            start = max(stop, start + 1)


def _prose(outline: Outline) -> Iterator[tuple[int, Block]]:
    yield from ((place, block) for place, block in enumerate(outline.blocks) if block.kind == "prose")


def cloze(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """A word or number taken from one sentence that another sentence of the passage has too."""
    for place, block in _prose(outline):
        for window in _windows(block, least=3, most=6):
            found = _shared_terms(window, wording)
            if not found:
                continue
            term, row = draws.choice(found, f"cloze/{place}")
            gapped = [_without(text, term, wording) if at == row else text for at, text in enumerate(window)]
            instruction = draws.choice(wording.cloze, "cloze/words")
            yield Task(
                template="cloze",
                text=_asked(wording.space.join(gapped), instruction, term, wording),
                blocks=frozenset({place}),
            )


def _shared_terms(window: tuple[str, ...], wording: Wording) -> list[tuple[str, int]]:
    """Returns terms that stand in two sentences at least, with the last one that has it once."""
    pattern = _UNSPACED_TERM if wording.language in SPACELESS else _WORD
    places: dict[str, list[int]] = {}
    for row, sentence in enumerate(window):
        for match in pattern.finditer(sentence):
            if _is_telling(match[0], starts=match.start() == 0, wording=wording):
                places.setdefault(match[0], []).append(row)
    return [
        (term, rows[-1])
        for term, rows in places.items()
        if len(set(rows)) > 1 and rows.count(rows[-1]) == 1 and _whole(window[rows[-1]], term, wording) == 1
        if not _is_half(term, rows[-1], window, wording)
    ]


def _is_half(term: str, row: int, window: tuple[str, ...], wording: Wording) -> bool:
    """Whether a term is half of a phrase that another sentence repeats, as of a name: it is guessed, not read."""
    if wording.language in SPACELESS:
        return False
    before, after = _term_pattern(term).split(window[row], maxsplit=1)
    left, right = _BEFORE.search(before), _AFTER.match(after)
    words = (left[0] if left else "", right[0] if right else "")
    others = "\n".join(sentence for at, sentence in enumerate(window) if at != row).casefold()
    return any(
        phrase.casefold() in others
        for word, phrase in zip(words, (words[0] + term, term + words[1]), strict=True)
        if word and word.strip(" -").capitalize() not in wording.articles
    )


def _is_telling(word: str, *, starts: bool, wording: Wording) -> bool:
    if wording.language in SPACELESS or word[0].isdigit():
        return True
    if wording.language == "ar":
        return len(word) >= 6  # noqa: PLR2004
    is_name = word[0].isupper() and not starts and len(word) > 2 and wording.language != "de"  # noqa: PLR2004
    return (is_name or len(word) >= 8) and word not in wording.pronouns  # noqa: PLR2004


def _whole(sentence: str, term: str, wording: Wording) -> int:
    return sentence.count(term) if wording.language in SPACELESS else len(_term_pattern(term).findall(sentence))


def _term_pattern(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(term)}(?![\w\u0300-\u036f])")


def _without(sentence: str, term: str, wording: Wording) -> str:
    if wording.language in SPACELESS:
        return sentence.replace(term, GAP, 1)
    return _term_pattern(term).sub(GAP, sentence, count=1)


def sentence_order(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """Four or five sentences that follow each other, shuffled."""
    for place, block in _prose(outline):
        for window in _windows(block, least=4, most=5):
            order = draws.shuffled(range(len(window)), f"sentence_order/{place}")
            if list(order) == sorted(order):
                order = (*order[1:], order[0])
            shown = "\n".join(f"({letter}) {window[at]}" for letter, at in zip(LETTERS, order, strict=False))
            letters = ", ".join(LETTERS[order.index(at)] for at in range(len(window)))
            instruction = draws.choice(wording.sentence_order, "sentence_order/words")
            answer = f"{letters}\n{wording.space.join(window)}"
            yield Task(
                template="sentence_order",
                text=_asked(shown, instruction, answer, wording),
                blocks=frozenset({place}),
            )


def connective(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """The connective between two sentences, to be chosen among three of different meaning."""
    kinds = (wording.contrast, wording.result, wording.example, wording.addition)
    for place, block in _prose(outline):
        for window in _windows(block, least=2, most=4):
            for row in range(1, len(window)):
                found = _opening(window[row], kinds)
                if found is None:
                    continue
                word, kind = found
                others = draws.shuffled([k for k in range(len(kinds)) if k != kind], f"connective/{place}")[:2]
                options = draws.shuffled([word, *(kinds[k][0] for k in others)], f"connective/{place}/{row}")
                gapped = [*window[:row], GAP + window[row][len(word) :]]
                instruction = draws.choice(wording.connective, "connective/words").format(options=", ".join(options))
                answer = f"{word}\n{window[row]}"
                yield Task(
                    template="connective",
                    text=_asked(wording.space.join(gapped), instruction, answer, wording),
                    blocks=frozenset({place}),
                )


def _opening(sentence: str, kinds: tuple[tuple[str, ...], ...]) -> tuple[str, int] | None:
    """Returns the connective that a sentence begins with, the longest first, and its kind."""
    for word, kind in sorted(((word, k) for k, words in enumerate(kinds) for word in words), key=lambda f: -len(f[0])):
        if sentence.startswith(word) and not sentence[len(word) : len(word) + 1].isalpha():
            return word, kind
        if sentence.startswith(word) and not word.isascii() and sentence[len(word) :][:1] in {"，", "、", ","}:
            return word, kind
    return None


def reason(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """Why something is so, where a sentence says both."""
    for place, block in _prose(outline):
        for window in _windows(block, least=2, most=4):
            for sentence in window:
                for marker in wording.because:
                    claim, found, cause = sentence.partition(marker)
                    if not found or not _is_claim(claim, cause, wording):
                        continue
                    instruction = draws.choice(wording.reason, "reason/words").format(claim=claim.rstrip(",， "))
                    yield Task(
                        template="reason",
                        text=_asked(wording.space.join(window), instruction, sentence, wording),
                        blocks=frozenset({place}),
                    )
                    break


def _is_claim(claim: str, cause: str, wording: Wording) -> bool:
    least = _scaled(15, wording)
    _, comma, last = claim.rstrip(",， ").rpartition(",")
    if comma and len(last.split()) == 1:  # "..., however": it ends in a word that belongs to what follows
        return False
    return least <= len(claim) <= 200 and len(cause) >= least and not any(mark in claim for mark in ';:；："“«')  # noqa: PLR2004


def definition(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """What a paragraph that begins by saying what something is says of it."""
    for place, block in _prose(outline):
        run = next(block.runs(), ())
        if not run or block.sentences[0] is None:
            continue
        term = _defined(run[0], f"{outline.title or ''}\n{block.text}", wording)
        answer = _fitting(run, wording, ANSWER_CHARS // 2)
        if term is None or len(answer) < _scaled(MIN_BODY, wording):
            continue
        instruction = draws.choice(wording.definition, f"definition/{place}").format(term=term)
        yield Task(template="definition", text=_asked("", instruction, answer, wording), blocks=frozenset({place}))


def _defined(sentence: str, around: str, wording: Wording) -> str | None:
    """Returns what a sentence says the nature of, without what is in parentheses; it must be named once more around."""
    plain = _PARENTHESES.sub("", sentence)
    ends = [plain.find(mark) for mark in wording.be if mark in plain]
    term = plain[: min(ends)].strip() if ends else ""
    least = 2
    if not least <= len(term) <= MAX_TERM or any(mark in term for mark in ',;:，；："“”«»、'):
        return None
    words = term.split()
    most = 1 if wording.language in SPACELESS else MAX_TERM_WORDS
    if len(words) > most or set(words) & set(wording.pronouns) or _starts_with_pronoun(term, wording):
        return None
    name = words[words[0] in wording.articles :]
    is_particle = wording.language == "ja" and _HIRAGANA_END.search(term)
    is_named = around.count(" ".join(name)) > 1
    return term if name and is_named and any(c.isalpha() for c in name[0]) and not is_particle else None


def _starts_with_pronoun(term: str, wording: Wording) -> bool:
    return wording.language in SPACELESS and (term.startswith(wording.pronouns) or len(term) > 15)  # noqa: PLR2004


def _fitting(sentences: tuple[str, ...], wording: Wording, most: int) -> str:
    """Returns the first sentences that fit."""
    taken: list[str] = []
    for sentence in sentences:
        if sum(map(len, taken)) + len(sentence) > most:
            break
        taken.append(sentence)
    return wording.space.join(taken)


def heading(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """What the section below a heading says."""
    for place, block in enumerate(outline.blocks):
        if block.kind != "heading" or place == 0:
            continue
        if not _is_telling_heading(block.text, wording, alone=outline.title is None):
            continue
        body, used = _section(outline, place, wording)
        if body is None or block.text.lower() in wording.summary_headings:
            continue
        words = wording.heading_in if outline.title else wording.heading
        instruction = draws.choice(words, "heading/words").format(title=outline.title, heading=block.text)
        yield Task(template="heading", text=_asked("", instruction, body, wording), blocks=used | {place})


def _is_telling_heading(text: str, wording: Wording, *, alone: bool) -> bool:
    """Whether a heading says what it is about; `alone`: without the title of the text."""
    is_spaceless = wording.language in SPACELESS
    size, least = (len(text), 6) if is_spaceless else (len(text.split()), 3)
    return is_phrase(text) and len(text) >= (2 if is_spaceless else 4) and (not alone or size >= least)


def _section(
    outline: Outline, place: int, wording: Wording, *, least: int = MIN_BODY
) -> tuple[str | None, frozenset[int]]:
    """Returns the prose below a heading, whole good sentences of it, and the places of its blocks; None if shorter."""
    taken: list[str] = []
    used: set[int] = set()
    for at in range(place + 1, len(outline.blocks)):
        block = outline.blocks[at]
        run = next(block.runs(), ()) if block.kind == "prose" and block.sentences[:1] != (None,) else ()
        text = _fitting(run, wording, ANSWER_CHARS - sum(map(len, taken)))
        if not text:
            break
        taken.append(text)
        used.add(at)
        if len(run) < len(block.sentences):
            break
    body = "\n\n".join(taken)
    return (body if len(body) >= _scaled(least, wording) else None), frozenset(used)


def faq(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """Questions that the text asks and answers, up to three together."""
    pairs = list(islice(_answered(outline, wording), 60))
    for start in range(0, len(pairs), 3):
        chosen = pairs[start : start + 3]
        text = "\n\n".join(_asked("", question, answer, wording) for question, answer, _ in chosen)
        yield Task(template="faq", text=text, blocks=frozenset().union(*(used for _, _, used in chosen)))


def _answered(outline: Outline, wording: Wording) -> Iterator[tuple[str, str, frozenset[int]]]:
    for place, block in enumerate(outline.blocks):
        if block.kind == "question" and _is_question(block.text):
            body, used = _section(outline, place, wording, least=MIN_ANSWER)
            if body is not None:
                question, answer = _unmarked(block.text, body, wording)
                yield re.sub(r"\s+\?$", "?", question), answer, used | {place}
        for question, answer in _marked(block, wording):
            yield question, answer, frozenset({place})


def _is_question(text: str) -> bool:
    return is_phrase(text) and len(text) >= MIN_QUESTION and not _REFERENCE.search(text)


def _unmarked(question: str, answer: str, wording: Wording) -> tuple[str, str]:
    """Returns a question and its answer without marks such as `Q:` and `A:`."""
    for asks, answers in wording.faq:
        if after := _after(question, asks):
            first, newline, rest = answer.partition("\n")
            return after, (_after(first, answers) or first) + newline + rest
    return question, answer


def _marked(block: Block, wording: Wording) -> Iterator[tuple[str, str]]:
    """Yields pairs of lines that are marked as question and answer (`Q: ...`, `A: ...`)."""
    for line, following in zip(block.lines, block.lines[1:], strict=False):
        for asks, answers in wording.faq:
            question, answer = _after(line, asks), _after(following, answers)
            if question and answer and len(answer) >= 20 and question[-1] in "?？؟":  # noqa: PLR2004
                yield question, answer


def _after(line: str, mark: str) -> str:
    if len(line) > ANSWER_CHARS:
        return ""
    found = re.match(rf"[*\s]*{re.escape(mark)}[*]*\s*[:：.)][*]*\s*(.+)$", line)
    return found[1].strip() if found else ""


def title(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """The title of the text, for its beginning."""
    if outline.title is None or not _is_telling_heading(outline.title, wording, alone=False):
        return
    if len(outline.title) > TITLE_CHARS or len(outline.title.split()) > MAX_TITLE_WORDS:
        return
    body, used = _section(outline, 0, wording)
    if body is not None and outline.title not in body:
        instruction = draws.choice(wording.title_of, "title/words")
        text = f"{body}\n\n{instruction}\n{wording.title}{wording.colon}{outline.title}"
        yield Task(template="title", text=text, blocks=used | {0})


def summary(outline: Outline, wording: Wording, draws: Draws) -> Iterator[Task]:
    """The summary that the text gives of itself, for what follows it."""
    for place, block in enumerate(outline.blocks):
        if block.kind != "heading" or block.text.lower().strip(" .:0123456789") not in wording.summary_headings:
            continue
        short, used = _section(outline, place, wording, least=MIN_ANSWER)
        below = (at for at in range(place + 1, len(outline.blocks)) if at not in used)
        following = next((at for at in below if outline.blocks[at].kind == "heading"), None)
        if short is None or following is None:
            continue
        body, more = _section(outline, following, wording)
        if body is not None and len(body) > len(short):
            instruction = draws.choice(wording.summary_of, "summary/words")
            text = f"{body}\n\n{instruction}\n{wording.summary}{wording.colon}{short}"
            yield Task(template="summary", text=text, blocks=used | more | {place, following})
