"""Asking a model: answers in order and kept, busy servers, budgets, addresses, and keys that nobody sees."""

import dataclasses
import itertools

import pytest

from curation.errors import SpecError
from curation.synthesis.recipes.requests import Request, Response
from pipelines.completing.addresses import check_endpoint, check_peer
from pipelines.completing.answers import Answers
from pipelines.completing.asking import Asker
from pipelines.completing.budget import Budget, Pace, Prices
from pipelines.completing.completer import Busy, Paused, Refused
from pipelines.completing.endpoint import Endpoint
from tests.model_server import serving

FREE = Prices(prompt=0, completion=0)


def request(number=0, **changes):
    made = Request(
        template="00", model="m", api="chat", system="s", user=f"mark\npassage {number}.\nmark",
        temperature=0.0, top_p=1.0, max_tokens=20, seed=1,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


class Fake:
    """Answers as `say` does for each request, and counts."""

    def __init__(self, say=lambda n: None):
        self.say, self.asked = say, []

    def complete(self, asked):
        self.asked.append(asked.user)
        error = self.say(len(self.asked))
        if error:
            raise error
        return Response(text=asked.user.upper(), is_whole=True, prompt_tokens=10, completion_tokens=5)


def asker(completer, path, *, concurrency=1, attempts=3, budget=None, waits=None):
    return Asker(
        completer=completer,
        answers=Answers(path / "answers.sqlite"),
        budget=budget or Budget(max_tokens=None, max_cost=None, prices=FREE),
        pace=Pace(per_second=None, now=lambda: 0.0, sleep=lambda _: None),
        concurrency=concurrency,
        attempts=attempts,
        sleep=(waits if waits is not None else []).append,
    )


def endpoint(server, **changes):
    given = {"url": server.url, "network": "loopback", "read_seconds": 20.0, "connections": 4, **changes}
    return Endpoint(**given)


def test_answers_come_in_order_and_a_second_time_from_what_is_kept(tmp_path):
    fake = Fake()
    first = list(asker(fake, tmp_path, concurrency=8).answers_to(map(request, range(50))))
    assert [answer.text for answer in first] == [request(n).user.upper() for n in range(50)]
    again = asker(fake, tmp_path, concurrency=8)
    assert list(again.answers_to(map(request, range(50)))) == first
    assert (len(fake.asked), again.counts.kept, again.counts.sent) == (50, 50, 0)


def test_all_that_decides_the_answer_is_in_the_digest_of_a_request():
    changes = [{"template": "01"}, {"model": "n"}, {"api": "completion"}, {"system": "t"}, {"user": "u"}]
    changes += [{"temperature": 0.1}, {"top_p": 0.9}, {"max_tokens": 21}, {"seed": 2}]
    assert len(changes) == len(dataclasses.fields(Request))
    assert len({request(**change).digest() for change in [{}, *changes]}) == len(changes) + 1


def test_a_busy_server_is_asked_again_later_each_time_or_when_it_says(tmp_path):
    waits = []
    fake = Fake(lambda n: [None, Busy("x"), Busy("x", after_seconds=7), None][n])
    (answer,) = asker(fake, tmp_path, waits=waits).answers_to([request()])
    assert answer.text.startswith("MARK")
    assert (len(fake.asked), waits[1]) == (3, 7)
    assert 0 <= waits[0] <= 0.5


def test_an_endpoint_that_never_answers_pauses_all_and_keeps_what_came(tmp_path):
    fake = Fake(lambda n: Busy("http://x: nothing listens there") if n > 2 else None)
    with pytest.raises(Paused, match=r"^http://x: nothing listens there; asked 3 times$"):
        list(asker(fake, tmp_path).answers_to(map(request, range(9))))
    assert len(fake.asked) == 2 + 3, "after the pause nothing is sent"
    later = asker(Fake(), tmp_path)
    assert len(list(later.answers_to(map(request, range(9))))) == 9
    assert (later.counts.kept, later.counts.sent) == (2, 7)


def test_a_refused_question_has_no_answer_and_is_not_asked_again(tmp_path):
    fake = Fake(lambda n: Refused("too long") if n == 1 else None)
    assert [a is None for a in asker(fake, tmp_path).answers_to(map(request, range(2)))] == [True, False]
    assert [a is None for a in asker(fake, tmp_path).answers_to(map(request, range(2)))] == [True, False]
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget(max_tokens=100, max_cost=None, prices=FREE), "completions.max_total_tokens: 100 would be passed"),
        (
            Budget(max_tokens=None, max_cost=0.001, prices=Prices(prompt=10, completion=20)),
            "completions.max_cost: 0.001",
        ),
    ],
)
def test_a_budget_is_never_passed(tmp_path, budget, said):
    fake = Fake()
    with pytest.raises(Paused, match=said):
        list(asker(fake, tmp_path, budget=budget).answers_to(map(request, itertools.count())))
    assert 0 < len(fake.asked) < 20
    assert budget.tokens == 15 * len(fake.asked), "what was booked became what the server counted"


def test_a_pace_spaces_requests_evenly():
    waits = []
    pace = Pace(per_second=4, now=lambda: 100.0, sleep=waits.append)
    for _ in range(4):
        pace.wait()
    assert waits == [0.25, 0.5, 0.75]


def test_a_server_is_asked_in_openais_form_with_the_key_of_the_environment():
    with serving() as server:
        asked = endpoint(server, key="secret-key-1")
        chat = asked.complete(request())
        text = asked.complete(request(api="completion"))
        asked.close()
    assert (chat.text, chat.is_whole, chat.prompt_tokens, chat.completion_tokens) == ("passage 0.", True, 50, 30)
    assert text.text
    assert server.headers[0]["Authorization"] == "Bearer secret-key-1"
    assert "secret" not in repr(asked)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (500, Busy, "answered 500"),
        (429, Busy, "answered 429"),
        (None, Busy, "the answer broke off"),
        (400, Refused, "answered 400"),
        (302, Refused, "answered 302"),
        (401, Paused, "GRISTMILL_COMPLETIONS_KEY in the environment"),
        (404, Paused, "check completions.endpoint, synthesis.model.name"),
    ],
)
def test_what_goes_wrong_is_tried_again_given_up_or_pauses(status, error, said):
    with serving() as server:
        server.status = lambda _: status
        asked = endpoint(server, key="secret-key-1")
        with pytest.raises(error, match=said) as caught:
            asked.complete(request())
        asked.close()
    assert "secret" not in str(caught.value)
    assert status != 429 or caught.value.after_seconds == 7
    assert len(server.seen) == 1, "no redirect is followed, and only the asker asks again"


def test_a_server_that_is_not_there_is_busy():
    with serving() as server:
        pass
    with pytest.raises(Busy, match="nothing listens there"):
        endpoint(server).complete(request())


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("127.0.0.1", {"loopback"}),
        ("::1", {"loopback"}),
        ("::ffff:127.0.0.1", {"loopback"}),
        ("10.1.2.3", {"private"}),
        ("192.168.0.9", {"private"}),
        ("fd00::1", {"private"}),
        ("169.254.169.254", set()),
        ("fe80::1%eth0", set()),
        ("0.0.0.0", set()),
        ("224.0.0.1", set()),
        ("168.63.129.16", set()),
        ("64:ff9b::a9fe:a9fe", set()),
        ("8.8.8.8", {"public"}),
        ("2606:4700::1111", {"public"}),
    ],
)
def test_an_address_is_of_one_network_and_metadata_addresses_of_none(address, networks):
    allowed = set()
    for network in ("loopback", "private", "public"):
        try:
            check_peer(address, network)
            allowed.add(network)
        except Paused:
            pass
    assert allowed == networks


def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_sent():
    with (
        serving() as server,
        pytest.raises(Paused, match=r"expected an address of network private, found 127\.0\.0\.1"),
    ):
        endpoint(server, network="private", key="secret-key-1").complete(request())
    assert not server.seen


@pytest.mark.parametrize(
    ("url", "network", "said"),
    [
        ("ftp://x/v1", "loopback", "expected a URL such as"),
        ("http://u:p@127.0.0.1/v1", "loopback", "expected no user, query or fragment, found 'http://127.0.0.1/v1'"),
        ("http://api.example.org/v1", "public", "expected https"),
    ],
)
def test_an_endpoint_that_is_none_is_an_error_of_the_spec(url, network, said):
    with pytest.raises(SpecError, match=said) as caught:
        check_endpoint(url, network)
    assert ":p@" not in str(caught.value)
