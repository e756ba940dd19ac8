"""Templates of recipes: package data in our wording, each with a version in its first line and a digest of its bytes.

The recipes follow WRAP (Maini et al. 2024, arXiv 2401.16380: styles of rephrasing), Nemotron-CC (Su et al. 2024, arXiv
2412.02595: questions, lists), Cosmopedia's textbooks from seed documents, and instruction back-translation (Li et al.
2023, arXiv 2308.06259).
"""

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Literal, get_args

RecipeName = Literal["encyclopaedia", "simple", "questions", "list", "textbook", "instruction"]
RECIPES: tuple[RecipeName, ...] = get_args(RecipeName)
PASSAGE, MARK = "{{passage}}", "{{mark}}"
_MARK_BYTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a model is told (`system`) and given (`user`)."""

    name: RecipeName
    version: int
    system: str
    user: str
    sha256: bytes

    def filled(self, passage: str) -> tuple[str, str]:
        """Returns the two messages for a passage, which stands between marks that it does not contain."""
        mark = _mark(passage)
        return self.system.replace(MARK, mark), self.user.replace(MARK, mark).replace(PASSAGE, passage)


def _mark(passage: str) -> str:
    """Returns a word that is not in the passage: whoever wrote the passage cannot have closed it."""
    content = passage.encode(errors="replace")
    while True:
        mark = hashlib.blake2b(content, digest_size=_MARK_BYTES).hexdigest()
        if mark not in passage:
            return mark
        content += b"."


@functools.cache
def template_of(name: RecipeName) -> Template:
    """Returns the template of a recipe."""
    content = resources.files("curation.synthesis.recipes").joinpath(f"templates/{name}.txt").read_bytes()
    first, _, rest = content.decode().partition("\n")
    system, _, user = rest.partition("\n---\n")
    return Template(
        name=name,
        version=int(first.removeprefix("version: ")),
        system=system.strip(),
        user=user.strip(),
        sha256=hashlib.sha256(content).digest(),
    )
