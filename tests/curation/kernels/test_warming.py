"""Compilation: `warm` covers every kernel, the cache folder follows the sources, the JIT may be off."""

import os
import stat
import subprocess
import sys

import pytest

from curation import kernels

WARM_THEN_STEPS = """
import types
import pyarrow as pa
from curation.kernels.warming import kernels, warm
def names_in(code):
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from names_in(inner)
def loaded_or_named(found):
    # what a kernel calls is compiled with it, and a kernel from the cache brings that along
    known, waiting = set(), [kernel for kernel in found.values() if kernel.signatures]
    while waiting:
        if (kernel := waiting.pop()) not in known:
            known.add(kernel)
            named = [kernel.py_func.__globals__.get(name) for name in names_in(kernel.py_func.__code__)]
            waiting += [one for one in named if isinstance(one, type(kernel))]
    return {name for name, kernel in found.items() if kernel in known}
warm()
before = {name: len(kernel.signatures) for name, kernel in kernels().items()}
print("without code:", sorted(kernels().keys() - loaded_or_named(kernels())))
from curation.dedup.minhash import MinHash
from curation.plan import EDITS, SIGNALS
from curation.schema import EDIT
texts = pa.array(["A text of words, " * 9, "noch einer mit Umläuten: äöü " * 9])
addresses = {"url": pa.array(["https://a.example/", None]), "site": pa.array(["a.example", None])}
batch = pa.record_batch({"text": texts, "edits": pa.array([[], []], pa.list_(EDIT)), **addresses})
signings = [{}, {"normalize": "fineweb"}, {"scheme": "affine64"}, {"shingle": "characters", "ngram": 24}]
signings += [{"shingle": "characters", "scheme": "affine64"}, {"normalize": "fineweb", "scheme": "affine64"}]
for step in (*(kind() for kind in SIGNALS.values()), *EDITS.values()):
    batch = step(batch)
for signing in signings:
    MinHash(**signing)(batch)
print("compiled again:", sorted(n for n, kernel in kernels().items() if len(kernel.signatures) != before[n]))
"""
OUT_OF_BOUNDS = """
import numpy as np
from curation.kernels.vector import load_u64
load_u64(np.zeros(8, dtype=np.uint8), np.uint64(1))
"""
FOLDER = """
from curation import kernels
print(kernels.CACHED, kernels.cache_folder())
"""


def python(program, folder, **environment):
    """Runs a program in a process that keeps kernels in `folder`; returns (exit status, stdout, stderr)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    kept |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, *program],
        env=kept | {"NUMBA_CACHE_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_warming_compiles_every_kernel_for_the_types_that_steps_pass():
    """In the cache of all tests: its folder is named by the sources, so what it holds was compiled from them."""
    status, out, err = python(["-c", WARM_THEN_STEPS], kernels.cache_folder() or "")
    assert status == 0, err
    assert out.splitlines() == ["without code: []", "compiled again: []"]


@pytest.mark.slow
def test_boundscheck_bites_on_the_unchecked_loads_and_only_when_it_is_on(tmp_path):
    status, _, err = python(["-c", OUT_OF_BOUNDS], tmp_path / "checked", NUMBA_BOUNDSCHECK="1")
    assert status == 1
    assert "IndexError: index is out of bounds" in err
    assert python(["-c", OUT_OF_BOUNDS], tmp_path / "unchecked")[0] == 0


OF_TEXT = (
    *("bands", "jaccard", "union_find", "words", "content", "lines", "minhash", "simplified", "fasttext"),
    *("folding", "families", "byte_runs", "grams", "ngrams", "html_tokens", "boosted_trees"),
)
TESTS_OF_TEXT = (
    *(f"kernels/test_{name}.py" for name in OF_TEXT),
    "quality/test_gopher.py",
    "quality/test_heuristics.py",
    "text/test_line_edits.py",
    "text/test_dclm_edits.py",
    "dedup/test_survivors.py",
    "curriculum/test_packing.py",
    "quality/test_readability.py",
)
TESTS_OF_PAGES = (
    *(f"kernels/test_html_{name}.py" for name in ("blocks", "text", "features")),
    "text/test_mutated_pages.py",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "names"),
    [
        pytest.param("NUMBA_BOUNDSCHECK", TESTS_OF_TEXT, id="bounds-text"),
        pytest.param("NUMBA_DISABLE_JIT", TESTS_OF_TEXT, id="no-jit-text"),
        pytest.param("NUMBA_BOUNDSCHECK", TESTS_OF_PAGES, id="bounds-pages", marks=pytest.mark.soak),
        pytest.param("NUMBA_DISABLE_JIT", TESTS_OF_PAGES, id="no-jit-pages"),
    ],
)
def test_kernels_agree_with_their_oracles_with_bounds_checked_and_with_the_jit_off(mode, names, tmp_path, repository):
    files = [str(repository / "tests" / "curation" / name) for name in names]
    ignored = ["-W", "ignore:overflow encountered:RuntimeWarning"]  # uint64 arithmetic is meant to wrap around
    selected = [
        "-k",
        "definition or depend or block or relatives or ancestor or exactly or whatever",
        "-p",
        "no:cacheprovider",
        "-q",
        "-c",
        str(repository / "pyproject.toml"),
    ]
    program = ["-m", "pytest", *ignored, *selected, *files]
    # bounds are checked in what LLVM gets; how much it optimises changes no check, only how long it takes
    status, out, err = python(program, tmp_path, NUMBA_OPT="1", **{mode: "1"})
    assert status == 0, out + err


def test_the_folder_is_private_and_named_by_the_sources(tmp_path):
    status, out, err = python(["-c", FOLDER], "", XDG_CACHE_HOME=str(tmp_path))
    assert (status, err) == (0, "")
    folder = tmp_path / "gristmill" / "kernels" / kernels.digest_of_kernels()
    assert out == f"True {folder}\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_where_nothing_is_writable_kernels_compile_without_a_cache_and_say_so(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    status, out, err = python(["-c", FOLDER], "", XDG_CACHE_HOME=str(blocked))
    assert (status, out) == (0, "False None\n")
    assert "RuntimeWarning: no writable cache folder: kernels compile anew in each process" in err
