"""The one seam where tests kill a run: a named point reached for the n-th time ends the process at once.

`GRISTMILL_KILL_AT=before_rename:3` in the environment sends SIGKILL to the process that reaches
`before_rename` for the third time. It is an environment variable so that it reaches worker processes.
"""

import os
import signal
from collections import Counter

POINTS = ("after_temp_write", "before_rename", "before_manifest", "in_survivors", "in_synthesis")

_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Marks that `point` was reached; kills this process when the environment asks for it."""
    wanted = os.environ.get("GRISTMILL_KILL_AT")
    if wanted is None:
        return
    name, _, count = wanted.partition(":")
    _reached[point] += name == point
    if name == point and _reached[point] == int(count or "1"):
        os.kill(os.getpid(), signal.SIGKILL)
