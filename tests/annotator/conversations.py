"""What reviewers and administrators do on a server, by its API."""

import json
from collections.abc import Sequence

from annotator.label_studio import LabelStudio
from annotator.transport import Request


def mark(server: LabelStudio, task: int, text: str, words: str, *, label: str, utf16: bool = False) -> None:
    """Keeps a document and marks the first of `words` in the text as it is shown."""
    start = text.index(words)
    before = text[:start].encode("utf-16-le") if utf16 else text[:start]
    first = len(before) // 2 if utf16 else start
    value = {"start": first, "end": first + len(words), "text": words, "labels": [label]}
    marked = {"from_name": "pii", "to_name": "text", "type": "labels", "value": value}
    _call(server, "POST", f"/api/tasks/{task}/annotations/", {"result": [*_choice("keep"), marked]})


def annotate(server: LabelStudio, task: int, decision: str | None, **more: object) -> int:
    """Answers a document task; None skips it. Returns the annotation's id."""
    body = {"result": _choice(decision) if decision else [], "was_cancelled": decision is None, **more}
    return int(_call(server, "POST", f"/api/tasks/{task}/annotations/", body)["id"])


def change(server: LabelStudio, annotation: int, decision: str) -> None:
    """Changes an answer."""
    _call(server, "PATCH", f"/api/annotations/{annotation}/", {"result": _choice(decision)})


def take_back(server: LabelStudio, annotation: int) -> None:
    """Deletes an answer."""
    assert server.transport.send(Request(method="DELETE", path=f"/api/annotations/{annotation}/")).status == 204


def change_interface(server: LabelStudio, project: int, interface: str) -> None:
    """Does what saving the labelling setup in the browser does."""
    _call(server, "PATCH", f"/api/projects/{project}/", {"label_config": interface})


def delete_project(server: LabelStudio, project: int) -> None:
    """Deletes a project with all its tasks."""
    assert server.transport.send(Request(method="DELETE", path=f"/api/projects/{project}/")).status == 204


def keys_on_server(server: LabelStudio, project: int) -> list[str]:
    """The review key of every task of a project, with repetitions."""
    asked = (("project", str(project)), ("page_size", "5000"), ("fields", "task_only"), ("include", "id,data"))
    answer = server.transport.send(Request(method="GET", path="/api/tasks", query=asked))
    return [task["data"]["review_key"] for task in json.loads(answer.body)["tasks"]]


def overlap(server: LabelStudio, task: int) -> int:
    """How many people a task is for."""
    answer = server.transport.send(Request(method="GET", path=f"/api/tasks/{task}/"))
    return int(json.loads(answer.body)["overlap"])


def next_key(server: LabelStudio, project: int) -> str:
    """The review key of the task that the next reviewer is shown."""
    answer = server.transport.send(Request(method="GET", path=f"/api/projects/{project}/next"))
    return str(json.loads(answer.body)["data"]["review_key"])


def _choice(decision: str) -> Sequence[dict[str, object]]:
    return [{"from_name": "decision", "to_name": "text", "type": "choices", "value": {"choices": [decision]}}]


def _call(server: LabelStudio, method: str, path: str, body: dict[str, object]) -> dict[str, object]:
    answer = server.transport.send(Request(method=method, path=path, body=json.dumps(body).encode()))
    assert answer.status in {200, 201}, answer.body
    return json.loads(answer.body)  # type: ignore[no-any-return]
