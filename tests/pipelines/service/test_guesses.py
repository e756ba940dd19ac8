"""How long wrong tokens are waited for, and whom that does not concern."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipelines.service import guesses
from pipelines.service.guesses import FREE, Guesses, network
from pipelines.service.service import Service

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    """A clock that tests set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tried(clock: Clock) -> Guesses:
    return Guesses(clock=clock)


def guess(tried: Guesses, times: int, *, at: str = HERE, named: Callable[[int], str] = str) -> None:
    for number in range(times):
        tried.note_wrong(at, named(number))


def test_after_five_wrong_tokens_each_further_one_is_waited_for_twice_as_long_to_a_quarter_of_an_hour(
    tried: Guesses, clock: Clock
):
    guess(tried, FREE - 1)
    assert tried.wait_seconds(HERE, "next") == 0
    waits = []
    for number in range(14):
        tried.note_wrong(HERE, f"later {number}")
        waits.append(tried.wait_seconds(HERE, "next"))
        clock.now += waits[-1]
        assert tried.wait_seconds(HERE, "next") == 0, "and then it is looked at"
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]


def test_an_hour_without_a_wrong_token_is_a_new_beginning(tried: Guesses, clock: Clock):
    guess(tried, 30)
    clock.now += guesses.FORGET_SECONDS + 1
    tried.note_wrong(HERE, "one")
    assert tried.wait_seconds(HERE, "next") == 0


def test_another_address_waits_for_nobody_elses_guesses(tried: Guesses):
    guess(tried, 30)
    assert tried.wait_seconds(THERE, "next") == 0
    assert tried.wait_seconds(THERE, "29") == 0, "a single wrong try of this token"


def test_a_program_that_goes_on_with_one_token_that_ended_makes_only_itself_wait(tried: Guesses):
    guess(tried, 8, named=lambda _: "ended")
    assert tried.wait_seconds(HERE, "ended") == 8
    assert tried.wait_seconds(THERE, "ended") == 8, "wherever it comes from"
    assert tried.wait_seconds(HERE, "another") == 0


def test_a_token_that_was_right_is_no_guess_until_it_is_wrong(tried: Guesses):
    tried.note_right(HERE, "working")
    guess(tried, 30)
    assert tried.wait_seconds(HERE, "working") == 0
    assert tried.wait_seconds(HERE, "next") > 0
    tried.note_wrong(HERE, "working")
    assert tried.wait_seconds(HERE, "working") > 0, "it ended, so it is one of the wrong ones"


def test_one_right_token_gives_its_address_a_new_beginning_once(tried: Guesses):
    guess(tried, 30)
    tried.note_right(HERE, "working")
    assert tried.wait_seconds(HERE, "next") == 0
    guess(tried, 30, named=lambda number: f"again {number}")
    tried.note_right(HERE, "working")
    assert tried.wait_seconds(HERE, "next") > 0


def test_what_is_kept_has_an_end(clock: Clock):
    tried = Guesses(clock=clock, most=20)
    for number in range(50):
        tried.note_wrong(f"192.0.2.{number}", str(number))
        tried.note_right(HERE, f"right {number}")
    assert (len(tried._tried), len(tried._right)) == (20, 20)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_one_machine_has_all_addresses_of_an_ipv6_network(address: str, found: str):
    assert network(address) == found


def test_log_ins_and_api_tokens_are_limited_together_and_sessions_and_known_tokens_go_on(
    client: TestClient, app: FastAPI, service: Service, tried: Guesses, clock: Clock
):
    app.state.service = replace(service, guesses=tried)
    working, other = (service.tokens.make(name, ("admin",)) for name in ("working", "other"))
    bearer = {"Authorization": f"Bearer {working}"}
    assert client.get("/api/jobs", headers=bearer).status_code == 200
    for number in range(FREE):
        wrong = {"Authorization": f"Bearer gm_{number}"}
        assert client.get("/api/jobs", headers=wrong).status_code == 401

    refused = client.post("/api/session", json={"token": other})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["detail"].startswith("expected no token for 1 s, since wrong ones came")
    shown = client.post("/login", data={"token": other})
    assert (shown.status_code, shown.headers["retry-after"]) == (429, "1")
    assert "The next one is looked at in 1 s." in shown.text
    assert client.get("/api/jobs", headers=bearer).status_code == 200, "it was right before, so it is no guess"

    clock.now += 1
    assert client.post("/login", data={"token": other}, follow_redirects=False).status_code == 303
    for number in range(30):
        client.get("/api/jobs", headers={"Authorization": f"Bearer gm_more_{number}"})
    assert client.get("/api/jobs").status_code == 200, "a session is no guess"

    entries = client.get("/api/audit").json()
    assert [(entry["what"], entry["status"], entry["times"]) for entry in entries] == [
        ("Authorization: Bearer", 401, 2 * FREE)
    ], "what was not looked at is not written either"
