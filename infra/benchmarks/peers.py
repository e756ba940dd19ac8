"""Other tools in venvs of their own under .cache/peers, each made on first use from `<name>-requirements.txt`.

Usage: python infra/benchmarks/peers.py datatrove. Makes the venv if need be and prints its interpreter.
"""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent


def requirements_of(name: str) -> Path:
    """Returns the file of pinned requirements of a tool."""
    return HERE / f"{name}-requirements.txt"


def version_of(name: str) -> str:
    """Returns the tool's own line of its pinned requirements, e.g. datatrove==0.10.1."""
    lines = requirements_of(name).read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def python_of(name: str, *, sees_ours: bool = False) -> Path:
    """Returns the interpreter of a tool's venv, made anew when its requirements or this Python changed.

    Args:
        name: of the tool.
        sees_ours: packages of this Python are there too, below its own: for tools that need torch, which is large.
    """
    folder = REPOSITORY / ".cache" / "peers" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        return _made(folder, name, below=sysconfig.get_path("purelib") if sees_ours else "")


def _made(folder: Path, name: str, *, below: str) -> Path:
    """Makes the venv in `folder` if need be; its lock is held, for tests run side by side."""
    digest = hashlib.sha256(requirements_of(name).read_bytes() + f"{sys.version}{below}".encode()).hexdigest()
    stamp, python = folder / "requirements.sha256", folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"installing {name} into .cache/peers/{name} ...", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        if below:
            own = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
            (own / "below.pth").write_text(f"{below}\n", encoding="utf-8")
        command = [python, "-m", "pip", "install", "--quiet", "--requirement", requirements_of(name)]
        if settings := _build_settings(name):
            command += ["--cache-dir", folder.parent / "built" / hashlib.sha256(settings.encode()).hexdigest()[:12]]
        subprocess.run(command, check=True)
        stamp.write_text(digest)
    return python


def _build_settings(name: str) -> str:
    """Returns the lines of a tool's requirements that say how to compile: pip keeps a wheel whatever they were."""
    lines = requirements_of(name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if "--config-settings" in line)


def measure(command: list[str | Path]) -> dict[str, object]:
    """Runs one side of a benchmark and returns the JSON object that it printed last."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout[done.stdout.rindex('{"bytes"') :])


if __name__ == "__main__":
    print(python_of(sys.argv[1]))
