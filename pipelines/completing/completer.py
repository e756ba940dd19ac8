"""The seam between us and a model: one method. What goes wrong is one of three things, and each is met otherwise."""

from typing import Protocol

from curation.errors import GristmillError
from curation.synthesis.recipes.requests import Request, Response


class Busy(GristmillError):
    """No answer this time (down, too slow, overloaded): ask again later; `after_seconds` where the server says when."""

    def __init__(self, message: str, *, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class Refused(GristmillError):
    """The server will never answer this question (too long, not allowed): the document gets no child of it."""


class Paused(GristmillError):
    """Nothing more is asked in this run: no endpoint answers, or what may be spent is spent; `resume` goes on."""


class Completer(Protocol):
    """Answers one request."""

    def complete(self, request: Request) -> Response:
        """Returns the model's answer.

        Raises:
            Busy: ask again later.
            Refused: never ask this again.
            Paused: ask nothing more.
        """
        ...
