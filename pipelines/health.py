"""What a run needs of this machine, and what is there: `gristmill doctor`.

Nothing is assumed to work: what cannot be imported or written is a finding, not an error.
"""

import importlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

MIN_PYTHON, NEXT_PYTHON = (3, 11), (3, 14)
MIN_FREE_BYTES = 3 << 30
MIN_MEMORY_BYTES = 2 << 30
OWN_PACKAGES = ("curation", "pipelines", "annotator", "trainer")
MODULES = {
    "apache-beam": "apache_beam",
    "brotli": "brotli",
    "charset-normalizer": "charset_normalizer",
    "duckdb": "duckdb",
    "fastwarc": "fastwarc.warc",
    "fasttext-community": "fasttext",
    "jinja2": "jinja2",
    "numba": "numba",
    "numpy": "numpy",
    "orjson": "orjson",
    "pyarrow": "pyarrow",
    "resiliparse": "resiliparse.extract.html2text",
    "ruamel.yaml": "ruamel.yaml",
    "tokenizers": "tokenizers",
    "xxhash": "xxhash",
    "zstandard": "zstandard",
}
"""A module that loads the compiled part of each distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: what was found, and whether a run can use it."""

    check: str
    found: str
    ok: bool


def findings() -> list[Finding]:
    """Returns what was found, in a fixed order. Imports every package: takes seconds."""
    return [*_interpreter(), *_packages(), *_own_packages(), *_resources(), *_folders(), _model()]


def _interpreter() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding(
        check="Python", found=f"{version} at {sys.executable}", ok=MIN_PYTHON <= sys.version_info[:2] < NEXT_PYTHON
    )
    yield _tried("gristmill", lambda: metadata.version("gristmill"), "not installed: pip install gristmill")


def _tried(check: str, found: Callable[[], str], otherwise: str) -> Finding:
    try:
        return Finding(check=check, found=found(), ok=True)
    except Exception as error:  # a broken package may raise anything when it is imported
        return Finding(check=check, found=f"{otherwise} ({type(error).__name__}: {error})", ok=False)


def _packages() -> Iterator[Finding]:
    for name, module in MODULES.items():

        def version(name: str = name, module: str = module) -> str:
            importlib.import_module(module)
            return metadata.version(name)

        yield _tried(name, version, "cannot be used: pip install --force-reinstall gristmill")


def _own_packages() -> Iterator[Finding]:
    """Other distributions with a package of one of our names: which one Python finds depends on the order of paths."""
    owners = metadata.packages_distributions()
    for name in OWN_PACKAGES:
        found = sorted({owner for owner in owners.get(name, []) if owner.lower() != "gristmill"})
        if found:
            remedy = (
                f"also installed by {', '.join(found)}: pip uninstall {' '.join(found)}, or use another environment"
            )
            yield Finding(check=f"package {name}", found=remedy, ok=False)


def _resources() -> Iterator[Finding]:
    yield Finding(check="cores", found=f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}", ok=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield _at_least("memory", memory, MIN_MEMORY_BYTES, "")
    yield _at_least("free disk", shutil.disk_usage(Path.cwd()).free, MIN_FREE_BYTES, f" in {Path.cwd()}")


def _at_least(check: str, found: int, needed: int, where: str) -> Finding:
    shown = f"{found / 2**30:.1f} GiB{where}"
    if found >= needed:
        return Finding(check=check, found=shown, ok=True)
    return Finding(check=check, found=f"{shown}; a run needs {needed >> 30} GiB or more", ok=False)


def _folders() -> Iterator[Finding]:
    yield _writable("working directory", Path.cwd(), "choose --output elsewhere")
    yield _writable("temporary folder", Path(tempfile.gettempdir()), "set TMPDIR")
    yield _tried("kernel cache", _kernel_cache, "kernels compile anew in each process: set NUMBA_CACHE_DIR")


def _writable(check: str, folder: Path, remedy: str) -> Finding:
    def probe() -> str:
        with tempfile.TemporaryFile(dir=folder):
            return str(folder)

    return _tried(check, probe, f"{folder} cannot be written: {remedy}")


def _kernel_cache() -> str:
    kernels = importlib.import_module("curation.kernels")
    folder = kernels.cache_folder()
    if folder is None:
        raise PermissionError("no folder can be written")
    compiled = sum(1 for _ in folder.rglob("*.nbi"))
    return f"{folder}, {compiled} compiled" if compiled else f"{folder}, empty: gristmill warm fills it"


def _model() -> Finding:
    def digest() -> str:
        language = importlib.import_module("curation.quality.language")
        return f"sha256 {language.model_digest(None, None)[:16]}"

    return _tried("language model", digest, "cannot be used: pip install --force-reinstall gristmill")
