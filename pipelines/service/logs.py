"""Structured logs: one JSON object a line on stderr, with the job's id where there is one."""

import datetime
import json
import logging
import sys

STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as JSON; what was passed as `extra` are keys of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line; all but ASCII is escaped."""
        time = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC).isoformat(timespec="milliseconds")
        content: dict[str, object] = {"time": time, "level": record.levelname, "event": record.getMessage()}
        content |= {name: value for name, value in record.__dict__.items() if name not in STANDARD}
        if record.exc_info:
            content["error"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)


def log_as_json(level: int = logging.INFO) -> None:
    """Sends the service's log to stderr, and warnings of the libraries it uses."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, least in (("gristmill", level), ("uvicorn", logging.WARNING), ("alembic", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(least)
