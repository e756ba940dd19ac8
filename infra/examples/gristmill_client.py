"""Submits a job to a Gristmill service and waits for its end; standard library only, so any orchestrator can hold it.

`GRISTMILL_URL` names the service, `GRISTMILL_TOKEN` a token of scope `run` where it asks for one.
"""

import json
import os
import time
import urllib.error
import urllib.request

ENDED = ("done", "failed", "cancelled")


def ask(path, body=None, headers=None):
    """Sends a GET, or a POST with `body`, and returns the JSON answer."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    token = os.environ.get("GRISTMILL_TOKEN")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    base = os.environ.get("GRISTMILL_URL", "http://127.0.0.1:8400")
    request = urllib.request.Request(base + path, data=data, headers=headers)  # noqa: S310 - the operator's own URL
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise RuntimeError(f"{path}: {error.code} {error.read().decode(errors='replace')}") from None


def submit(spec, *, key, folder=None, settings=()):
    """Queues a spec and returns the job's id; a task that is tried again with the same `key` finds its first job."""
    body = {"spec": spec, "folder": folder, "settings": list(settings)}
    return ask("/api/jobs", body, {"Idempotency-Key": key})["id"]


def wait(job, *, poll_seconds=10.0):
    """Waits until a job has ended and returns it.

    Raises:
        RuntimeError: it failed or was cancelled; says how.
    """
    while (found := ask(f"/api/jobs/{job}"))["state"] not in ENDED:
        time.sleep(poll_seconds)
    if found["state"] != "done":
        raise RuntimeError(f"job {job} {found['state']}: {found['error']}")
    return found


def newest_export(job):
    """Returns the newest export of a job: its name, folder, rows and tokens; None where it has none."""
    exports = ask(f"/api/jobs/{job}/exports")
    return exports[0] if exports else None
