"""A stand-in for Label Studio: what the real server answered when the same test ran against it.

`GRISTMILL_RECORD=1 pytest -m labelstudio tests/annotator/test_contract.py` records anew. A replayed test must send the
same requests in the same order; the first that differs fails it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from annotator.transport import Request, Response, Transport, Unanswered

FOLDER = Path(__file__).with_name("recorded")


@dataclass(slots=True)
class Recorder:
    """Passes requests on and notes what was answered."""

    inner: Transport
    exchanges: list[dict[str, object]] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        answer = self.inner.send(request)
        self.exchanges.append({**_asked(request), "status": answer.status, "answer": answer.body.decode()})
        return answer

    def save(self, name: str) -> None:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(self.exchanges, indent=0, ensure_ascii=True) + "\n")


@dataclass(slots=True)
class Replay:
    """Answers as the real server did."""

    exchanges: list[dict[str, object]]

    @classmethod
    def of(cls, name: str) -> "Replay":
        return cls(json.loads((FOLDER / f"{name}.json").read_text()))

    def send(self, request: Request) -> Response:
        assert self.exchanges, f"recorded: nothing more; asked: {request}"
        recorded = self.exchanges.pop(0)
        asked = _asked(request)
        assert asked == {name: recorded[name] for name in asked}
        return Response(status=int(str(recorded["status"])), body=str(recorded["answer"]).encode())


def _asked(request: Request) -> dict[str, object]:
    query = [list(pair) for pair in request.query]
    return {
        "method": request.method,
        "path": request.path,
        "query": query,
        "body": request.body.decode() if request.body else None,
    }


@dataclass(slots=True)
class Breaking:
    """Spoils chosen answers, by the method and the end of the path: `plan` has what happens at each such request.

    `lost`: the server does it, the answer is lost. `down`: it is not reached. A number: that status instead.
    `good`: nothing is spoiled. What comes after the end of the plan is good.
    """

    inner: Transport
    method: str
    path: str
    plan: list[str | int]
    hits: int = 0

    def send(self, request: Request) -> Response:
        is_hit = request.method == self.method and request.path.endswith(self.path)
        self.hits += is_hit
        what = self.plan.pop(0) if is_hit and self.plan else "good"
        if what == "down":
            raise Unanswered("nothing listens there")
        if isinstance(what, int):
            return Response(status=what, body=b'{"detail": "made up"}')
        answer = self.inner.send(request)
        if what == "lost":
            raise Unanswered("the answer broke off")
        return answer
