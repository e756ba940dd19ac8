"""The few requests of Label Studio's API that review needs, with retries where asking twice does no harm.

Measured with 1.23.2 over SQLite: an import is all or nothing, never removes duplicates, and does not check
predictions; a task's `updated_at` moves when an annotation is made, changed or deleted.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from annotator.transport import Request, Response, Transport, Unanswered
from curation.errors import InputError, ReviewError
from curation.text.safe import visible

WAITS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between the tries of a request that may be repeated."""
BUSY = frozenset({409, 429, 500, 502, 503, 504})
LOOKED_UP = 200
"""Keys in one look-up: they go into a URL, and the server refuses longer ones (400 keys of 32 characters: 400)."""
PAGE = 200
HOOKS = "/api/webhooks/"
READ_OF_TASKS = "id,updated_at,annotations,result,was_cancelled,completed_by,lead_time"
"""Fields of tasks and of their annotations alike; without the rest 200 tasks take 0.2 s, with it 0.6 s."""

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStudio:
    """A server behind a transport; `wait` sleeps between tries."""

    transport: Transport
    wait: Callable[[float], None] = field(default=time.sleep, repr=False)

    def whoami(self) -> str:
        """Returns the e-mail address of the token's user."""
        return str(_object(self._repeat("GET", "/api/current-user/whoami"))["email"])

    def find_project(self, title: str) -> int | None:
        """Returns the project of that title, the oldest of several; None where there is none."""
        found = _object(
            self._repeat(
                "GET", "/api/projects", query=(("title", title), ("page_size", "1000"), ("include", "id,title"))
            )
        )
        rows = found.get("results")
        ids = [_int(row["id"]) for row in _rows(rows) if row.get("title") == title]
        return min(ids, default=None)

    def create_project(self, title: str, *, interface: str, model_version: str) -> int:
        """Returns a new project, or the one of that title, which a try whose answer was lost may have made."""
        body = {
            "title": title,
            "label_config": interface,
            "sampling": "Sequential sampling",
            "maximum_annotations": 1,
            "model_version": model_version,
            "show_collab_predictions": True,
        }
        for seconds in (*WAITS_SECONDS, None):
            found = self.find_project(title)
            if found is not None:
                return found
            try:
                return _int(_object(self._once("POST", "/api/projects", body=body))["id"])
            except Unanswered:
                if seconds is None:
                    raise
                self.wait(seconds)
        raise AssertionError("the last try returns or raises")

    def project(self, project: int) -> Json:
        """Returns a project's settings.

        Raises:
            InputError: it was deleted.
        """
        return _object(self._repeat("GET", f"/api/projects/{project}"))

    def num_tasks(self, project: int) -> int:
        """Returns how many tasks a project holds, whoever made them."""
        return _int(self.project(project)["task_number"])

    def import_tasks(self, project: int, tasks: Sequence[Json]) -> list[int]:
        """Returns the ids of new tasks, in order; asks once.

        Raises:
            Unanswered: it is not known whether they were made.
        """
        path = f"/api/projects/{project}/import"
        answer = _object(self._once("POST", path, body=list(tasks), query=(("return_task_ids", "true"),)))
        ids = answer.get("task_ids")
        if not isinstance(ids, list) or len(ids) != len(tasks):
            raise Unanswered(f"POST {path}: expected {len(tasks)} task ids, found {str(ids)[:80]}")
        return [_int(value) for value in ids]

    def look_up(self, project: int, keys: Sequence[str]) -> dict[str, list[int]]:
        """Returns the ids of the tasks that carry each of `keys` as `data.review_key`, the oldest first."""
        found: dict[str, list[int]] = {}
        for start in range(0, len(keys), LOOKED_UP):
            chosen = {"filter": "filter:tasks:data.review_key", "operator": "in_list", "type": "String"}
            query = _filters(chosen | {"value": list(keys[start : start + LOOKED_UP])}, ordering="tasks:id")
            for task in self._tasks(project, query, fields="task_only", include="id,data"):
                data = task["data"]
                assert isinstance(data, Mapping), "a task's data is an object"
                found.setdefault(str(data["review_key"]), []).append(_int(task["id"]))
        return {key: sorted(ids) for key, ids in found.items()}

    def answered_since(self, project: int, moment: str) -> Iterator[Json]:
        """Yields every task with annotations that changed after `moment` (ISO 8601, UTC), oldest change first.

        A task that changes while this reads comes again: pages would shift under us, so each request starts
        from the last change seen instead of a page number. Tasks that nobody answered are left out: of a project that
        was pushed a minute ago these are all the others, and 200 of them take the server 0.3 s.
        """
        seen: set[tuple[int, str]] = set()
        page = 1
        while True:
            query = _filters(_changed(moment), _answered(is_so=True), ordering="tasks:updated_at")
            rows = self._page(project, query, page, fields="all", include=READ_OF_TASKS)
            for task in rows:
                mark = (_int(task["id"]), str(task["updated_at"]))
                if mark not in seen:
                    seen.add(mark)
                    yield task
            if len(rows) < PAGE:
                return
            last = str(rows[-1]["updated_at"])
            page = page + 1 if last == moment else 1  # a whole page of one moment: only the next page goes on
            moment = last

    def emptied_since(self, project: int, moment: str, tasks: Sequence[int]) -> Iterator[Json]:
        """Yields those of `tasks` that changed after `moment` and have no annotations any more."""
        for start in range(0, len(tasks), LOOKED_UP):
            chosen: Json = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number"}
            chosen = {**chosen, "value": list(tasks[start : start + LOOKED_UP])}
            query = _filters(chosen, _changed(moment), _answered(is_so=False), ordering="tasks:id")
            yield from self._tasks(project, query, fields="all", include=READ_OF_TASKS)

    def users(self) -> dict[int, str]:
        """Returns e-mail addresses by user id."""
        answer = _json(self._repeat("GET", "/api/users/"))
        return {_int(row["id"]): str(row["email"]) for row in _rows(answer)}

    def ask_several(self, task: int, num_reviewers: int) -> None:
        """Lets so many people answer a task; the overlap of an imported task is ignored, so it is set afterwards."""
        self._repeat("PATCH", f"/api/tasks/{task}/", body={"overlap": num_reviewers})

    def delete_task(self, task: int) -> None:
        """Deletes a task and its annotations; one that is gone already is no error."""
        self._repeat("DELETE", f"/api/tasks/{task}", may_be_gone=True)

    def has_annotations(self, task: int) -> bool:
        """Returns whether people answered a task."""
        return bool(_object(self._repeat("GET", f"/api/tasks/{task}")).get("annotations"))

    def add_hook(self, project: int, *, url: str, headers: Mapping[str, str]) -> int | None:
        """Asks the server to call `url` when annotations change; returns the hook's id, None where it refuses."""
        actions = ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"]
        body = {"url": url, "project": project, "headers": dict(headers), "actions": actions}
        body |= {"send_payload": False, "send_for_all_actions": False}
        answer = self.transport.send(Request(method="POST", path=HOOKS, body=_bytes(body)))
        if answer.status in {400, 403}:
            return None
        return _int(_object(_checked("POST", HOOKS, answer))["id"])

    def hooks(self, project: int, *, header: str) -> list[int]:
        """Returns the hooks of a project whose calls carry a header."""
        found = _rows(_json(self._repeat("GET", HOOKS, query=(("project", str(project)),))))
        return [_int(row["id"]) for row in found if header in _mapping(row.get("headers"))]

    def delete_hook(self, hook: int) -> None:
        """Deletes a hook; one that is gone already is no error."""
        self._repeat("DELETE", f"{HOOKS}{hook}/", may_be_gone=True)

    def _tasks(self, project: int, query: str, *, fields: str, include: str) -> Iterator[Json]:
        page = 1
        while rows := self._page(project, query, page, fields=fields, include=include):
            yield from rows
            if len(rows) < PAGE:
                return
            page += 1

    def _page(self, project: int, query: str, page: int, *, fields: str, include: str) -> list[Json]:
        asked = (
            ("project", str(project)),
            ("page", str(page)),
            ("page_size", str(PAGE)),
            ("fields", fields),
            ("include", include),
            ("query", query),
        )
        found = _object(self._repeat("GET", "/api/tasks", query=asked, may_be_gone=page > 1))
        return _rows(found.get("tasks", []))

    def _repeat(
        self,
        method: str,
        path: str,
        *,
        query: tuple[tuple[str, str], ...] = (),
        body: object = None,
        may_be_gone: bool = False,
    ) -> Response:
        """Asks again, later and later, while the server is down, breaks off or says that it is busy."""
        for seconds in (*WAITS_SECONDS, None):
            try:
                answer = self.transport.send(Request(method=method, path=path, query=query, body=_bytes(body)))
                if answer.status not in BUSY or seconds is None:
                    return _checked(method, path, answer, may_be_gone=may_be_gone)
            except Unanswered:
                if seconds is None:
                    raise
            assert seconds is not None, "the last try returns or raises"
            self.wait(seconds)
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, *, body: object, query: tuple[tuple[str, str], ...] = ()) -> Response:
        answer = self.transport.send(Request(method=method, path=path, query=query, body=_bytes(body)))
        if answer.status in BUSY:
            raise Unanswered(f"{method} {path}: answered {answer.status}")
        return _checked(method, path, answer)


def _bytes(body: object) -> bytes | None:
    return None if body is None else json.dumps(body, ensure_ascii=True).encode()


def _filters(*items: Json, ordering: str) -> str:
    return json.dumps({"filters": {"conjunction": "and", "items": items}, "ordering": [ordering]})


def _changed(moment: str) -> Json:
    name = "filter:tasks:updated_at"
    return {"filter": name, "operator": "greater_or_equal", "type": "Datetime", "value": moment}


def _answered(*, is_so: bool) -> Json:
    """Returns the filter for tasks with annotations, skipped ones too, or without."""
    return {"filter": "filter:tasks:annotations_ids", "operator": "empty", "type": "String", "value": not is_so}


def _checked(method: str, path: str, answer: Response, *, may_be_gone: bool = False) -> Response:
    """Returns an answer that is good.

    Raises:
        InputError: what was asked for is gone, or the token is refused.
        ReviewError: the server refuses the request.
    """
    status = answer.status
    if status < 300:  # noqa: PLR2004 - HTTP's classes of status
        return answer
    if status == 404:  # noqa: PLR2004
        if may_be_gone:
            return Response(status=status, body=b"{}")
        raise InputError(
            f"{method} {path}: the review server has no such thing (404); was the project deleted there? "
            "gristmill review push --new-project makes another one, and answers that were pulled stay"
        )
    if status in {401, 403}:
        raise InputError(
            f"{method} {path}: the review server refuses the token ({status}); gristmill review status shows which "
            "server this is, GRISTMILL_REVIEW_TOKEN gives another token"
        )
    raise ReviewError(f"{method} {path}: the review server answered {status}: {_reason(answer.body)}")


def _reason(body: bytes) -> str:
    """Returns what an error answer says, short and harmless."""
    try:
        said = json.loads(body)
        text = f"{said.get('detail', '')} {json.dumps(said.get('validation_errors') or '')}"
    except (ValueError, AttributeError):
        text = body[:200].decode(errors="replace")
    return visible(text.strip(), limit=300)


def _json(answer: Response) -> object:
    try:
        return json.loads(answer.body)
    except ValueError:
        raise Unanswered(f"expected JSON from the review server, found {answer.body[:60]!r}") from None


def _object(answer: Response) -> Json:
    value = _json(answer)
    if not isinstance(value, dict):
        raise Unanswered(f"expected an object from the review server, found {type(value).__name__}")
    return value


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Json]:
    if isinstance(value, Mapping):
        value = value.get("results")
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Unanswered("expected a list of objects from the review server")
    return value


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise Unanswered(f"expected a whole number from the review server, found {str(value)[:40]!r}")
    return value
