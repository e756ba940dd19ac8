"""Many requests at once, in order: kept answers first, the rest asked by a bounded number of threads.

A request that finds the server busy is asked again, later each time (exponential, with jitter, by tenacity). One that
was never answered pauses the whole: nothing more is sent, what is under way is waited for and kept.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import tenacity

from curation.synthesis.recipes.requests import Request, Response
from pipelines.completing.answers import Answers
from pipelines.completing.budget import Budget, Pace
from pipelines.completing.completer import Busy, Completer, Paused, Refused

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
AHEAD = 2
"""Requests that are prepared for each one under way: memory is bounded by this, whatever the number of requests."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was asked of the server, and what was known."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks a completer, through what is kept, within a budget and a pace."""

    completer: Completer
    answers: Answers
    budget: Budget
    pace: Pace
    concurrency: int
    attempts: int
    sleep: Callable[[float], None] | None = None
    """Waits between attempts; null: as long as nothing pauses the whole."""
    counts: Counts = field(default_factory=Counts)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _causes: list[Paused] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answers_to(self, requests: Iterable[Request]) -> Iterator[Response | None]:
        """Yields the answer to each request, in order; null where the server refuses it.

        Raises:
            Paused: one could not be answered; every answer that came is kept.
        """
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="completions") as pool:
            pending: deque[Future[Response | None]] = deque()
            try:
                for request in requests:
                    pending.append(pool.submit(self._answer, request))
                    if len(pending) >= AHEAD * self.concurrency:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            except BaseException:
                self._stopped.set()
                raise

    def _answer(self, request: Request) -> Response | None:
        is_known, known = self.answers.get(request)
        if is_known:
            self._count("kept")
            return known
        try:
            response = self._asked(request)
        except Refused:
            self._count("refused")
            return self.answers.put(request, None)
        except Paused as error:
            self._causes.append(error)
            self._stopped.set()
            raise self._causes[0] from None
        self._count("answered")
        return self.answers.put(request, response)

    def _asked(self, request: Request) -> Response:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Busy),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=_waiting,
            sleep=self.sleep or self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, request)
        except Busy as error:
            raise Paused(f"{error}; asked {self.attempts} times") from None

    def _once(self, request: Request) -> Response:
        if self._stopped.is_set():
            raise self._causes[0] if self._causes else Paused("nothing more is asked")
        booked = self.budget.book(request)
        response = None
        try:
            self.pace.wait()
            self._count("sent")
            response = self.completer.complete(request)
        finally:
            self.budget.settle(booked, response)
        return response

    def _sleep(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _count(self, what: str) -> None:
        with self._lock:
            setattr(self.counts, what, getattr(self.counts, what) + 1)


_backoff = tenacity.wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS)


def _waiting(state: tenacity.RetryCallState) -> float:
    """Returns the seconds until the next attempt: what the server asks for, else random and longer each time."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Busy) and error.after_seconds is not None:
        return min(error.after_seconds, LONGEST_WAIT_SECONDS)
    return float(_backoff(state))
