"""A worker process of Beam's local runner that keeps to itself: `python -m pipelines.local_worker`.

Beam's own entry logs to stderr before any option can stop it, and prints the traceback of every error that it hands to
the driver as well. Here nothing is printed but a crash of the worker itself.
"""

import contextlib
import io
import logging
import sys
from importlib import import_module

from pipelines.teardown import hush_teardown

MODULE = "pipelines.local_worker"


def main(arguments: list[str]) -> None:
    """Serves the driver until it hangs up."""
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stderr(io.StringIO()):
        import_module("apache_beam.runners.worker.sdk_worker_main").main(arguments)
    hush_teardown()


if __name__ == "__main__":
    main(sys.argv)
