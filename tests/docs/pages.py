"""The code blocks of a page of docs/, and how they are run: as a reader would, in order, in one folder."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(python|sh|yaml)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: `python` and `sh` are run, `yaml NAME` is written to a file, plain `yaml` is only shown."""

    language: str
    name: str | None
    code: str
    line: int


def blocks_of(page: Path) -> Iterator[Block]:
    """Yields the blocks of a page, in order."""
    text = page.read_text()
    for match in BLOCK.finditer(text):
        yield Block(match[1], match[2], match[3], text.count("\n", 0, match.start()) + 2)


def run_page(page: Path, folder: Path) -> list[str]:
    """Runs a page's blocks in `folder`; Python blocks share their names. Returns what each block printed."""
    outputs, python = [], ""
    for block in blocks_of(page):
        if block.language == "yaml":
            if block.name:
                (folder / block.name).write_text(block.code)
            continue
        if block.language == "python":
            # Blocks above are run again, silently: names made there are known here.
            quiet = f"import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n    exec({python!r})\n"
            command, python = [sys.executable, "-c", quiet + block.code], python + block.code
        else:
            command = ["bash", "-euo", "pipefail", "-c", block.code]
        outputs.append(_run(command, folder, f"{page.name}:{block.line}"))
    return outputs


def _run(command: list[str], folder: Path, where: str) -> str:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "HF_HOME": str(folder / ".hugging-face"),
        "HF_HUB_OFFLINE": "1",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
