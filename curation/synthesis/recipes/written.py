"""Documents that a model writes from documents: the questions about a batch, and the children of the answers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pyarrow as pa

from curation.setting import documented, key
from curation.synthesis.children import Child, Origin, children_of
from curation.synthesis.recipes.chunks import chunks_of
from curation.synthesis.recipes.requests import Request, Response
from curation.synthesis.recipes.templates import RecipeName, template_of

GENERATOR = "model"
QUOTING: tuple[RecipeName, ...] = ("instruction",)
"""Recipes whose children have the passage in them on purpose."""
_WHOLE = re.compile(r"(?s).*[.!?…。！？][\"'”’»)\]]*")


class _Place(NamedTuple):
    row: int
    chunk: int
    recipe: RecipeName


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKeys:
    """Documents that a model writes: keys of a spec that decide what they are."""

    name: str = field(metadata=documented("what the server calls the model"))
    recipes: tuple[RecipeName, ...] = key(("encyclopaedia",), "what is asked for; each makes documents of its own")
    api: Literal["chat", "completion"] = key("chat", "messages to a chat model, or one text to go on with")
    temperature: float = key(0.7, "of the model")
    top_p: float = key(0.95, "of the model")
    max_tokens: int = key(1024, "tokens of one answer at most")
    chunk_chars: int = key(4000, "characters of a document that are given at once; longer ones are cut on structure")
    min_chars: int = key(200, "a shorter document, or last piece of one, is not asked about")
    max_chunks: int = key(8, "pieces of one document that are asked about at most, from its start")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWriter:
    """Makes requests of documents and children of responses."""

    keys: ModelKeys
    seed: int

    def requests_of(self, batch: pa.RecordBatch) -> list[Request]:
        """Returns the questions about a batch of kept documents, by document, recipe and piece."""
        return [request for _, request in self._asked(batch)]

    def children_from(self, batch: pa.RecordBatch, responses: Sequence[Response | None]) -> pa.RecordBatch:
        """Returns the children as DOCUMENT rows, in the order of their parents.

        Args:
            batch: as it was given to `requests_of`.
            responses: by request; null where the server refused the question, which then has no child.
        """
        children = [
            Child(parent=place.row, origin=self._origin(place.recipe), index=place.chunk, text=text)
            for (place, request), response in zip(self._asked(batch), responses, strict=True)
            if (text := _text(place.recipe, request, response))
        ]
        return children_of(batch, children)

    def _asked(self, batch: pa.RecordBatch) -> Iterator[tuple[_Place, Request]]:
        for row, text in enumerate(batch["text"].to_pylist()):
            chunks = chunks_of(text, max_chars=self.keys.chunk_chars)[: self.keys.max_chunks]
            long = [(index, chunk) for index, chunk in enumerate(chunks) if len(chunk) >= self.keys.min_chars]
            for name in self.keys.recipes:
                for index, chunk in long:
                    yield _Place(row, index, name), self._request(name, chunk)

    def _request(self, name: RecipeName, chunk: str) -> Request:
        template = template_of(name)
        system, user = template.filled(chunk)
        return Request(
            template=template.sha256.hex(),
            model=self.keys.name,
            api=self.keys.api,
            system=system,
            user=user,
            temperature=self.keys.temperature,
            top_p=self.keys.top_p,
            max_tokens=self.keys.max_tokens,
            seed=self.seed,
        )

    def _origin(self, name: RecipeName) -> Origin:
        known = template_of(name)
        keys = self.keys
        parameters = {"temperature": keys.temperature, "top_p": keys.top_p, "max_tokens": keys.max_tokens}
        return Origin(
            generator=GENERATOR,
            template=f"{name}/{known.version}",
            template_hash=known.sha256[:16],
            seed=self.seed,
            model=keys.name,
            parameters={**parameters, "chunk_chars": keys.chunk_chars},
        )


def _text(recipe: RecipeName, request: Request, response: Response | None) -> str:
    """Returns the child's text: without the marks, which a model may repeat; a cut one ends with a whole sentence."""
    if response is None:
        return ""
    text = response.text.replace(_mark(request.user), "").strip()
    if not response.is_whole:
        whole = _WHOLE.match(text)
        text = whole.group() if whole else ""
    return f"{text}\n\n{_passage(request.user)}" if text and recipe in QUOTING else text


def _mark(user: str) -> str:
    """Returns the word that a filled template begins with, and that its passage has not."""
    return user.partition("\n")[0]


def _passage(user: str) -> str:
    """Returns what stands between the marks of a filled template."""
    return user.partition("\n")[2].rpartition("\n")[0]
