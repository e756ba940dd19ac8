"""Wrong tokens, counted by who sent them: after a few, each further one is waited for longer.

Two counts are kept, by address and by the token itself. A wrong token counts against its address once, so a program
that goes on with a token that ended makes itself wait and nobody else; and a token that was right before is no guess,
so a program that works goes on beside one that guesses. The libraries for this (`limits` and what stands on it) count
requests in windows of a clock of their own, and know neither waits that grow nor such a difference.
"""

import hashlib
import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

FREE = 5
"""Wrong tries before the first wait."""
MAX_WAIT_SECONDS = 900.0
FORGET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Tried:
    """How many wrong tries there were, and when the last one was."""

    times: int
    at: float

    def wait(self, now: float) -> float:
        """Returns the seconds until another try is looked at; 0: now."""
        if self.times < FREE:
            return 0.0
        pause: float = min(2.0 ** min(self.times - FREE, 20), MAX_WAIT_SECONDS)
        return max(self.at + pause - now, 0.0)


@dataclass(frozen=True, slots=True)
class Guesses:
    """What was tried lately, in memory; `clock` gives seconds that only grow.

    `most`: so many addresses and wrong tokens are kept, and so many right ones; those that came last.
    """

    clock: Callable[[], float] = time.monotonic
    most: int = 10_000
    _tried: "OrderedDict[str, Tried]" = field(default_factory=OrderedDict)
    _right: "OrderedDict[str, Tried]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_seconds(self, address: str, secret: str) -> float:
        """Returns how long this token is not looked at, from this address; 0: it is."""
        with self._lock:
            token, now = _digest(secret), self.clock()
            keys = (token,) if token in self._right else (token, network(address))
            return max(self._of(key, now).wait(now) for key in keys)

    def note_wrong(self, address: str, secret: str) -> None:
        """Counts a wrong token."""
        with self._lock:
            token, place, now = _digest(secret), network(address), self.clock()
            self._right.pop(token, None)
            is_new = self._of(token, now).times == 0
            for key in (token, place) if is_new else (token,):
                self._put(self._tried, key, Tried(self._of(key, now).times + 1, now))

    def note_right(self, address: str, secret: str) -> None:
        """Notes a right token: it is no guess from now on, and neither is what this address tried before."""
        with self._lock:
            token = _digest(secret)
            if token not in self._right:  # whoever has one right token may not guess others without end
                self._tried.pop(network(address), None)
            self._put(self._right, token, Tried(0, self.clock()))

    def _of(self, key: str, now: float) -> Tried:
        found = self._tried.get(key, Tried(0, now))
        return found if now - found.at <= FORGET_SECONDS else Tried(0, now)

    def _put(self, kept: "OrderedDict[str, Tried]", key: str, value: Tried) -> None:
        kept[key] = value
        kept.move_to_end(key)
        if len(kept) > self.most:
            kept.popitem(last=False)


def network(address: str) -> str:
    """Returns what stands for an address: an IPv6 one for its /64, of which one machine has all."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a socket without addresses
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
