"""Whether another package hides one of our four: a distribution on PyPI installs a top-level `trainer`."""

import importlib.util
from importlib import metadata
from pathlib import Path

PACKAGES = ("curation", "pipelines", "annotator", "trainer")
OURS = Path(__file__).resolve().parents[2]


def shadowed_package() -> str | None:
    """Returns what to tell the user when one of our packages is not the one beside this file, else None."""
    for name in PACKAGES:
        found = importlib.util.find_spec(name)
        if found is None:
            return f"expected the package {name!r} in {OURS}, found none; install gristmill again"
        places = [Path(place).resolve() for place in found.submodule_search_locations or [found.origin or "."]]
        if places[0] != OURS / name:
            owners = others(name)
            remedy = f"pip uninstall {owners[0]}" if owners else f"start in another folder than {places[0].parent}"
            return (
                f"expected the package {name!r} of gristmill in {OURS}, found {places[0]}"
                f"{f' of {owners[0]}' if owners else ''}; {remedy}, or give gristmill a virtual environment of its own"
            )
    return None


def others(name: str) -> list[str]:
    """Returns the installed distributions besides gristmill that hold a top-level package `name`."""
    found = metadata.packages_distributions().get(name, [])
    return sorted({item for item in found if item.lower() != "gristmill"} - {""})
