"""The error tree: every error a user can meet, with the exit code the command answers with.

::

    GristmillError                 1  something failed while running
    ├── SpecError                  2  the spec or the usage is wrong; nothing was started
    │   └── SchemaError            2  a plan reads a column that no earlier step adds
    ├── InputError                 2  an input is missing or may not be read
    ├── ArtifactError              1  a model, tokenizer or list is missing or has another digest
    ├── RunLocked                  1  another process is writing this run
    ├── ReviewError                1  the review server cannot be started, or refuses a request
    ├── TooManyBadRecords          3  dead letters above `limits.max_bad_fraction`
    ├── ConservationError          4  one of the three conservation laws does not hold
    └── VerifyError                4  a file of a run or an export is not what its manifest says

A message says what was expected, what was found, where, and what to do. A bad *record* is not an
error: it is a dead letter (`BadRecord` carries its reason from the parser to the ledger of bytes).
"""


class GristmillError(Exception):
    """Root of the tree; `exit_code` is what the command exits with."""

    exit_code = 1


class SpecError(GristmillError):
    """A spec or a command line that cannot be run as written."""

    exit_code = 2


class SchemaError(SpecError):
    """A step reads a column that is missing or has another type."""


class InputError(GristmillError):
    """An input that is missing, unreadable or of no known format."""

    exit_code = 2


class ArtifactError(GristmillError):
    """A model, tokenizer or list that is missing or differs from its recorded digest."""


class RunLocked(GristmillError):
    """Another live process holds the lock of this run directory."""


class ReviewError(GristmillError):
    """The review server cannot be installed or started, or it refuses what it is asked."""


class TooManyBadRecords(GristmillError):
    """More dead letters than `limits.max_bad_fraction` allows."""

    exit_code = 3


class ConservationError(GristmillError):
    """Input, documents or tokens are not all accounted for."""

    exit_code = 4


class VerifyError(GristmillError):
    """A written file differs from its manifest."""

    exit_code = 4


class BadRecord(Exception):
    """One record that cannot become a document.

    `reason` is a fixed snake_case word (it is counted and grouped by); `detail` is free text that may
    quote the data, so it must pass `curation.text.safe` before a terminal sees it.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
