"""What may be spent on a model, in tokens and money, and how fast it may be asked.

Each request is booked at the most it can cost before it is sent, and corrected by what the server says: a budget is
never passed, however many are under way.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from curation.synthesis.recipes.requests import Request, Response
from pipelines.completing.completer import Paused

PER = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Money per million tokens."""

    prompt: float
    completion: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Returns what tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / PER


@dataclass(slots=True, kw_only=True)
class Budget:
    """Tokens and money that are left; null: no limit."""

    max_tokens: int | None
    max_cost: float | None
    prices: Prices
    tokens: int = 0
    cost: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def book(self, request: Request) -> tuple[int, float]:
        """Returns what a request is booked at.

        Raises:
            Paused: there is not enough left.
        """
        tokens = request.num_tokens_at_most()
        cost = self.prices.of(tokens - request.max_tokens, request.max_tokens)
        with self._lock:
            if self.max_tokens is not None and self.tokens + tokens > self.max_tokens:
                raise Paused(
                    f"completions.max_total_tokens: {self.max_tokens} would be passed ({self.tokens} are spent or "
                    f"under way, the next request may take {tokens}); raise it and resume"
                )
            if self.max_cost is not None and self.cost + cost > self.max_cost:
                raise Paused(
                    f"completions.max_cost: {self.max_cost} would be passed ({self.cost:.4f} is spent or under way, "
                    f"the next request may cost {cost:.4f}); raise it and resume"
                )
            self.tokens += tokens
            self.cost += cost
        return tokens, cost

    def settle(self, booked: tuple[int, float], response: Response | None) -> None:
        """Replaces what was booked by what the server counted; null: nothing was answered."""
        spent = (response.prompt_tokens, response.completion_tokens) if response else (0, 0)
        if response is not None and not any(spent):
            return  # the server does not count: what was booked stands
        with self._lock:
            self.tokens += sum(spent) - booked[0]
            self.cost += self.prices.of(*spent) - booked[1]


@dataclass(slots=True, kw_only=True)
class Pace:
    """At most so many requests a second, evenly; null: as fast as they are answered."""

    per_second: float | None
    now: Callable[[], float]
    sleep: Callable[[float], None]
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> None:
        """Returns when the next request may be sent."""
        if self.per_second is None:
            return
        with self._lock:
            now = self.now()
            mine = max(self._next, now)
            self._next = mine + 1 / self.per_second
        if mine > now:
            self.sleep(mine - now)
