"""Which server is used, and where its token comes from: nowhere that others can read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.connection import connect
from annotator.transport import Http
from curation.errors import InputError

URL = "https://review.example.org"
keyring = pytest.importorskip("keyring", reason="keyring is not installed")
backend = pytest.importorskip("keyring.backend")


class Ring(backend.KeyringBackend):  # type: ignore[misc,name-defined]
    """A keyring in memory."""

    priority = 1

    def __init__(self, *, is_locked: bool = False) -> None:
        self.held = {("gristmill-review", URL): "token of the ring"}
        self.is_locked = is_locked

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise keyring.errors.KeyringLocked("token of the ring")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


@pytest.fixture
def ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    yield
    keyring.set_keyring(before)


def token_of(environment: dict[str, str]) -> str:
    transport = connect(environment).server.transport
    assert isinstance(transport, Http)
    return transport.token


@pytest.mark.usefixtures("ring")
def test_the_token_comes_from_the_environment_else_from_the_keyring():
    named = {"GRISTMILL_REVIEW_URL": f"{URL}/"}
    assert token_of({**named, "GRISTMILL_REVIEW_TOKEN": "given"}) == "given"
    assert token_of(named) == "token of the ring"
    assert "token of the ring" not in repr(connect(named))


@pytest.mark.parametrize("ring_of", [Ring, pytest.importorskip("keyring.backends.fail").Keyring])
def test_a_server_without_a_token_is_refused(ring_of, ring: None):
    keyring.set_keyring(ring_of())
    other = "https://other.example.org"
    message = (
        f"GRISTMILL_REVIEW_URL names {other}: expected its token in GRISTMILL_REVIEW_TOKEN or the keyring, found none"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        connect({"GRISTMILL_REVIEW_URL": other})


def test_a_locked_keyring_is_said_and_shows_nothing(ring: None):
    keyring.set_keyring(Ring(is_locked=True))
    message = "the keyring cannot be read (KeyringLocked); unlock it, or give the token in GRISTMILL_REVIEW_TOKEN"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$") as caught:
        connect({"GRISTMILL_REVIEW_URL": URL})
    assert caught.value.__suppress_context__


def test_no_server_at_all_says_how_to_start_one(tmp_path: Path):
    message = f"expected a review server, found none running in {tmp_path}; gristmill review up starts one"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        connect({"GRISTMILL_REVIEW_DATA": str(tmp_path)})
