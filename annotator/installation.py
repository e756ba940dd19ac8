"""Label Studio in a venv of its own in the user's cache, and a migrated data directory to copy new ones from.

Its 156 packages pin and shadow ours, so it never shares our environment. Migrating an empty database takes about
30 s of CPU time, a copy none: the template has no user, no password and no secret key, so nothing secret is copied.
"""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from filelock import FileLock

from curation.errors import ReviewError
from curation.identity import sha256_of

REQUIREMENTS = "label-studio.txt"
SECRET_FILE = ".env"  # noqa: S105 - its name
DATABASE = "label_studio.sqlite3"
TAIL_CHARS = 600

QUIET: Mapping[str, str] = {
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "SENTRY_DSN": "",  # unset, it would report to the makers
    "FRONTEND_SENTRY_DSN": "",
    "DEBUG": "false",
    "LOG_LEVEL": "WARNING",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    "PYTHONUNBUFFERED": "1",
}
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""All others are withheld from the server: it would take USERNAME, PASSWORD, HOST, PORT or a proxy as settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A folder with `venv` and `template`."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter that Label Studio is installed for."""
        return self.folder / "venv" / "bin" / "python"

    @property
    def template(self) -> Path:
        """A migrated data directory without users."""
        return self.folder / "template"

    @property
    def log(self) -> Path:
        """What pip and the migrations said."""
        return self.folder / "install.log"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Returns where Label Studio is installed, by the digest of its pins and the Python that runs us."""
    root = environment.get("GRISTMILL_REVIEW_CACHE")
    home = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gristmill"
    digest = sha256_of(f"{sys.version_info[:2]}{_pins()}")[:12]
    return (Path(root) if root else home) / f"label-studio-{digest}"


def install(folder: Path) -> Installation:
    """Installs Label Studio and migrates the template, where that is not done yet; one process at a time.

    Raises:
        ReviewError: pip or the migrations failed.
    """
    found = Installation(folder=folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            _make_venv(found)
            (folder / "installed").touch()
        if not (folder / "migrated").exists():
            _migrate(found)
            (folder / "migrated").touch()
    return found


def is_installed(folder: Path) -> bool:
    """Returns whether nothing is left to install."""
    return (folder / "installed").exists() and (folder / "migrated").exists()


def server_environment(data: Path) -> dict[str, str]:
    """Returns the whole environment of a Label Studio process that works on `data`."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, **QUIET, "LABEL_STUDIO_BASE_DATA_DIR": str(data)}


def _pins() -> str:
    return resources.files("annotator").joinpath(REQUIREMENTS).read_text()


def _make_venv(found: Installation) -> None:
    shutil.rmtree(found.folder / "venv", ignore_errors=True)
    venv.create(found.folder / "venv", with_pip=True)
    with resources.as_file(resources.files("annotator").joinpath(REQUIREMENTS)) as pins:
        arguments = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(pins), "label-studio"]
        _call([str(found.python), *arguments], found.log, dict(os.environ))


def _migrate(found: Installation) -> None:
    shutil.rmtree(found.template, ignore_errors=True)
    found.template.mkdir()
    program = str(found.python.with_name("label-studio"))
    _call([program, "init", "--quiet"], found.log, server_environment(found.template))
    (found.template / SECRET_FILE).unlink(missing_ok=True)


def _call(command: list[str], log: Path, environment: dict[str, str]) -> None:
    with log.open("ab") as output:
        code = subprocess.run(  # noqa: S603 - the command is ours
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, check=False
        ).returncode
    if code != 0:
        name = Path(command[0]).name
        raise ReviewError(f"Label Studio cannot be installed: {name} failed ({code}); {log}: {tail_of(log)}")


def tail_of(log: Path) -> str:
    """Returns the end of a log."""
    return log.read_text(errors="replace")[-TAIL_CHARS:].strip()
