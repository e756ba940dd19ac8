"""The end of a process of ours, without what libraries print while the interpreter is taken down."""

import os
import sys


def hush_teardown() -> None:
    """Ends stderr before the interpreter is taken down: DuckDB's binding then reports types of its own as leaked.

    Only what Python itself would say after all is done is lost; messages and the exit code are not.
    """
    if "duckdb" not in sys.modules:
        return
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stderr__.fileno() if sys.__stderr__ else 2)
