"""API tokens and browsers' sessions: what is stored of them, and whom they stand for.

A token is 256 random bits, so its sha256 is all that is stored: there is nothing to guess. A session is a signed
cookie that names a token, with a CSRF token in it that every change must repeat.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import Engine, and_, func, not_, or_, select, update

from curation.errors import SpecError
from curation.text.safe import visible
from pipelines.service.audit import NOBODY
from pipelines.service.database import reading, writing
from pipelines.service.tables import Token

Scope = Literal["read", "run", "review", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "run", "review", "admin")
PREFIX = "gm_"
COOKIE = "gristmill_session"
SESSION_SECONDS = 12 * 3600
MAX_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks; `csrf` is what a browser's changes must repeat, None where no cookie was sent."""

    name: str
    scopes: frozenset[str]
    csrf: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether `scope` is allowed; whoever may do anything may read."""
        return "admin" in self.scopes or scope in self.scopes or (scope == "read" and bool(self.scopes))


LOCAL = Principal(name="local", scopes=frozenset({"admin"}))
RESERVED = (LOCAL.name, NOBODY)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The API tokens of a database; `clock` gives seconds since 1970."""

    engine: Engine
    clock: Callable[[], float] = time.time

    def now_ms(self) -> int:
        """Returns the time in milliseconds."""
        return int(self.clock() * 1000)

    def make(self, name: str, scopes: tuple[Scope, ...], *, days: int | None = None) -> str:
        """Makes a token and returns it: the only time that it can be seen."""
        return self.add(name, scopes, days=days)[1]

    def add(self, name: str, scopes: tuple[Scope, ...], *, days: int | None = None) -> tuple[Token, str]:
        """Makes a token; returns what is stored of it, and the token itself.

        Raises:
            SpecError: the name is empty, too long, or stands for somebody in the audit log.
        """
        if not 1 <= len(name) <= MAX_NAME or name in RESERVED:
            raise SpecError(
                f"name: expected 1 to {MAX_NAME} characters, and neither of {', '.join(RESERVED)}, "
                f"found {visible(name, limit=40)!r}"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        now = self.now_ms()
        token = Token(
            name=name,
            sha256=_digest(secret),
            scopes=[scope for scope in SCOPES if scope in scopes],
            created_ms=now,
            expires_ms=None if days is None else now + days * 86_400_000,
        )
        with writing(self.engine) as session:
            session.add(token)
        return token, secret

    def page(
        self, *, name: str | None = None, works: bool | None = None, before: int | None = None, count: int = 50
    ) -> list[Token]:
        """Returns tokens, the newest first; `name`: whose name holds it, `before`: the last id of the page before."""
        works_now = and_(Token.revoked_ms.is_(None), or_(Token.expires_ms.is_(None), Token.expires_ms > self.now_ms()))
        query = select(Token).order_by(Token.id.desc()).limit(count)
        query = query.where(Token.name.contains(name, autoescape=True)) if name else query
        query = query.where(Token.id < before) if before is not None else query
        if works is not None:
            query = query.where(works_now if works else not_(works_now))
        with reading(self.engine) as session:
            return list(session.scalars(query))

    def all(self) -> list[Token]:
        """Returns every token, ended ones too."""
        with reading(self.engine) as session:
            return list(session.scalars(select(Token).order_by(Token.id)))

    def any(self) -> bool:
        """Whether a token was ever made: from then on every request needs one."""
        with reading(self.engine) as session:
            return bool(session.scalar(select(func.count()).select_from(Token)))

    def end(self, token_id: int) -> Token | None:
        """Ends a token; None: there is none of this id that was not ended before."""
        which = (Token.id == token_id, Token.revoked_ms.is_(None))
        with writing(self.engine) as session:
            found = session.scalars(select(Token).where(*which)).one_or_none()
            if found is not None:
                found.revoked_ms = self.now_ms()
            return found

    def revoke(self, name: str) -> int:
        """Ends the tokens of a name; returns how many."""
        now = int(self.clock() * 1000)
        with writing(self.engine) as session:
            query = update(Token).where(Token.name == name, Token.revoked_ms.is_(None)).values(revoked_ms=now)
            return session.connection().execute(query).rowcount

    def principal(self, secret: str) -> tuple[int, Principal] | None:
        """Returns the id of a token and whom it stands for; None: it is wrong, or ended."""
        with reading(self.engine) as session:
            found = session.scalars(select(Token).where(Token.sha256 == _digest(secret))).one_or_none()
        return self._valid(found)

    def by_id(self, token_id: int) -> tuple[int, Principal] | None:
        """Returns whom a session's token stands for; None: it has ended."""
        with reading(self.engine) as session:
            found = session.get(Token, token_id)
        return self._valid(found)

    def _valid(self, found: Token | None) -> tuple[int, Principal] | None:
        now = int(self.clock() * 1000)
        if found is None or found.revoked_ms is not None or (found.expires_ms or now + 1) <= now:
            return None
        return found.id, Principal(name=found.name, scopes=frozenset(found.scopes))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Sessions:
    """Signed cookies; `key` is the service's own secret."""

    key: bytes

    def make(self, token_id: int) -> str:
        """Returns the cookie of a new session of a token."""
        return self._signer.dumps([token_id, secrets.token_urlsafe(24)])

    def read(self, cookie: str) -> tuple[int, str] | None:
        """Returns the token's id and the CSRF token of a session; None: it is not ours, or over."""
        try:
            token_id, csrf = self._signer.loads(cookie, max_age=SESSION_SECONDS)
        except (BadSignature, ValueError, TypeError):
            return None
        return int(token_id), str(csrf)

    @property
    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt="gristmill session")
