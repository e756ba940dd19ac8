"""One question to a model and its answer, as plain values: what a cache is keyed by, and what a server sees."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question: a system and a user message, and all that decides the answer. `template` is its digest (hex)."""

    template: str
    model: str
    api: Literal["chat", "completion"]
    system: str
    user: str
    temperature: float
    top_p: float
    max_tokens: int
    seed: int

    def digest(self) -> str:
        """Returns the sha256 (hex) of template, model, parameters and input: equal requests have equal ones."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def num_tokens_at_most(self) -> int:
        """Returns an upper bound of the tokens it may cost: a token has a byte at least."""
        return len(self.system.encode(errors="replace")) + len(self.user.encode(errors="replace")) + self.max_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer; `is_whole` is false where the limit on tokens cut it short."""

    text: str
    is_whole: bool
    prompt_tokens: int
    completion_tokens: int

    def to_json(self) -> str:
        """Returns the answer as one JSON object."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_mapping(values: Mapping[str, str | bool | int]) -> "Response":
        """Returns the answer that `to_json` wrote."""
        return Response(
            text=str(values["text"]),
            is_whole=bool(values["is_whole"]),
            prompt_tokens=int(values["prompt_tokens"]),
            completion_tokens=int(values["completion_tokens"]),
        )
