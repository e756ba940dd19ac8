"""Python functions with a docstring: the function for its description, or the description for the function.

Functions are found by lines and indentation, never parsed or run: a source may be of any version, cut or hostile.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from curation.synthesis.draws import Draws
from curation.synthesis.outline import MAX_CHARS
from curation.synthesis.tasks import Task
from curation.synthesis.wording import Wording

MAX_FUNCTIONS = 60
HEADER_LINES, DOCSTRING_LINES, BODY_LINES = 20, 60, 80
MIN_DOCSTRING = 25

_DEF = re.compile(r"([ ]*)(?:async )?def (?!test)[A-Za-z_]\w*\(")
"""No tests: what their docstrings say is not what they do."""
_QUOTES = re.compile(r'[ ]*[rR]?("""|\'\'\')')
_NOTHING = re.compile(r"(?:pass|\.\.\.|raise NotImplementedError.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function without indentation: its header, what its docstring says, the rest."""

    header: str
    docstring: str
    body: str


def code_tasks(text: str, wording: Wording, draws: Draws) -> Iterator[Task]:
    """Yields one task per function, of one of the two directions."""
    for number, function in enumerate(islice(functions_of(text[:MAX_CHARS]), MAX_FUNCTIONS)):
        blocks = frozenset({-1 - number})
        source = f"{function.header}\n{function.body}"
        if draws.number(f"code/{number}") % 2:
            asked = f"{wording.question}{wording.colon}{draws.choice(wording.code, 'code/words')}"
            shown = f"{asked}\n\n{function.docstring}"
            text = f"{shown}\n\n{wording.answer}{wording.colon.rstrip()}\n\n```python\n{source}\n```"
            yield Task(template="code_from_docstring", text=text, blocks=blocks)
        else:
            asked = f"{wording.question}{wording.colon}{draws.choice(wording.docstring, 'code/words')}"
            text = f"```python\n{source}\n```\n\n{asked}\n{wording.answer}{wording.colon}{function.docstring}"
            yield Task(template="docstring_from_code", text=text, blocks=blocks)


def functions_of(text: str) -> Iterator[Function]:
    """Yields the functions that have a docstring and do something, outermost ones first met."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        found = _DEF.match(lines[at])
        function = _function(lines[at : at + HEADER_LINES + DOCSTRING_LINES + BODY_LINES], found[1]) if found else None
        if function is not None:
            yield function
        at += 1


def _function(lines: list[str], indent: str) -> Function | None:
    header = next((n for n, line in enumerate(lines[:HEADER_LINES], 1) if line.split("#")[0].rstrip().endswith(":")), 0)
    quotes = _QUOTES.match(lines[header]) if 0 < header < len(lines) else None
    if quotes is None:
        return None
    docstring, stop = _docstring(lines[header : header + DOCSTRING_LINES], quotes)
    body = _body(lines[header + stop :], indent) if stop else []
    statements = [line.strip() for line in body if line.strip() and not line.strip().startswith("#")]
    if len(docstring) < MIN_DOCSTRING or docstring.lower().startswith(("see ", "http")):
        return None
    if all(_NOTHING.match(line) for line in statements):
        return None
    return Function(
        header=textwrap.dedent("\n".join(line.rstrip() for line in lines[:header])),
        docstring=docstring,
        body="\n".join(line[len(indent) :].rstrip() for line in body),
    )


def _docstring(lines: list[str], quotes: re.Match[str]) -> tuple[str, int]:
    """Returns what a docstring says and how many lines it takes; ("", 0) where it does not end."""
    first = lines[0][quotes.end() :]
    if quotes[1] in first:
        return first.partition(quotes[1])[0].strip(), 1
    for number, line in enumerate(lines[1:], 2):
        if quotes[1] in line:
            rest = textwrap.dedent("\n".join([*lines[1 : number - 1], line.partition(quotes[1])[0]]))
            return f"{first.strip()}\n{rest.rstrip()}".strip(), number
    return "", 0


def _body(lines: list[str], indent: str) -> list[str]:
    """Returns the lines that are indented more, without blank ones at the end; [] where they do not end in time."""
    body: list[str] = []
    for line in lines:
        if line.strip() and not line.startswith(indent + " "):
            break
        body.append(line)
        if len(body) > BODY_LINES:
            return []
    while body and not body[-1].strip():
        body.pop()
    return body
