"""One suite for a real server (llama.cpp with SmolLM2-135M) and for what it answered once: forms, limits and errors.

`GRISTMILL_RECORD=1 pytest -m soak tests/pipelines/completing/test_contract.py` records anew.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from curation.synthesis.recipes.requests import Request, Response
from pipelines.completing.completer import Busy, Paused, Refused
from pipelines.completing.endpoint import Endpoint
from tests.model_server import ModelServer, serving
from tests.real_model import CONTEXT_TOKENS, KEY, Relay, real_model

FOLDER = Path(__file__).with_name("recorded")
REAL = pytest.param("real", marks=[pytest.mark.soak, pytest.mark.peer])
ASKED = Request(
    template="00", model="smollm2-135m", api="chat", system="You answer in one short sentence.",
    user="What is the capital of France?", temperature=0.0, top_p=1.0, max_tokens=64, seed=1,
)  # fmt: skip

Ask = Callable[..., Response]


@dataclass(slots=True, kw_only=True)
class Replay:
    """Answers as the real server did, as long as it is asked the same in the same order."""

    exchanges: list[dict[str, object]]

    def __call__(self, path: str, body: bytes, _authorization: str | None) -> tuple[int, bytes]:
        recorded = self.exchanges.pop(0) if self.exchanges else {}
        if (path, json.loads(body)) != (recorded.get("path"), recorded.get("asked")):
            return 400, b"the real server was asked otherwise: record anew"
        return int(str(recorded["status"])), str(recorded["answer"]).encode()


@pytest.fixture(scope="module")
def real_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_model(tmp_path_factory.mktemp("server")) as started:
        yield started.url


@pytest.fixture(params=["recorded", REAL])
def server(request: pytest.FixtureRequest) -> Iterator[ModelServer]:
    name = request.node.originalname.removeprefix("test_")
    path = FOLDER / f"{'-'.join([name, *request.node.callspec.params.get('api', '').split()])}.json"
    is_real = request.param == "real"
    content = (
        Relay(url=request.getfixturevalue("real_url"))
        if is_real
        else Replay(exchanges=json.loads(path.read_text(encoding="utf-8")))
    )
    with serving() as made:
        made.content = content
        yield made
    if not is_real:
        assert not content.exchanges, "the real server was asked more"
    elif os.environ.get("GRISTMILL_RECORD"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content.exchanges, indent=1) + "\n", encoding="utf-8")


@pytest.fixture
def ask(server: ModelServer) -> Ask:
    """Asks the server once, with `below` after its URL."""

    def asked(request: Request, *, key: str | None = KEY, below: str = "") -> Response:
        endpoint = Endpoint(url=server.url + below, network="loopback", read_seconds=300, connections=1, key=key)
        try:
            return endpoint.complete(request)
        finally:
            endpoint.close()

    return asked


def test_a_chat_answer_that_ends_by_itself_is_whole_and_counted(ask: Ask):
    answer = ask(ASKED)
    assert "Paris" in answer.text
    assert answer.is_whole
    assert 0 < answer.completion_tokens < 64
    assert 20 < answer.prompt_tokens < 100


@pytest.mark.parametrize("api", ["chat", "completion"])
def test_an_answer_that_the_limit_cuts_short_is_not_whole(ask: Ask, api: str):
    answer = ask(dataclasses.replace(ASKED, api=api, user="Tell a long story of a fox.", max_tokens=8))
    assert answer.text.strip()
    assert (answer.is_whole, answer.completion_tokens) == (False, 8)


def test_a_question_beyond_the_models_context_is_refused_and_not_tried_again(ask: Ask):
    long = dataclasses.replace(ASKED, user="word " * CONTEXT_TOKENS)
    with pytest.raises(Refused, match=f"answered 400: .*maximum context length is {CONTEXT_TOKENS} tokens"):
        ask(long)


def test_what_this_server_finds_invalid_is_an_error_of_its_own_so_the_run_pauses_and_no_document_goes_without(ask: Ask):
    with pytest.raises(Busy, match=r"answered 500$"):
        ask(dataclasses.replace(ASKED, top_p=1.5))


def test_another_key_or_none_pauses(ask: Ask):
    for key in ("sk-another", None):
        with pytest.raises(Paused, match=r"answered 401: .*GRISTMILL_COMPLETIONS_KEY in the environment") as caught:
            ask(ASKED, key=key)
        assert "sk-another" not in str(caught.value)


def test_a_path_that_is_not_the_apis_pauses(ask: Ask):
    with pytest.raises(Paused, match=r"answered 404: .*check completions\.endpoint"):
        ask(ASKED, below="/elsewhere")


def test_a_model_that_this_server_does_not_have_is_answered_by_the_one_that_it_has(ask: Ask):
    assert ask(dataclasses.replace(ASKED, model="gpt-unknown")).text == ask(ASKED).text
