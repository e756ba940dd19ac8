"""Writes the generated pages of docs/, or with `--check` fails when one of them is not current."""

import sys
from pathlib import Path

from languages_page import page as languages_page
from scaling_page import page as scaling_page

from pipelines.spec_schema import markdown_reference

DOCS = Path(__file__).resolve().parent.parent / "docs"


def pages() -> dict[Path, str]:
    """Returns each generated page and what it should hold."""
    return {
        DOCS / "spec.md": markdown_reference(),
        DOCS / "scaling.md": scaling_page(),
        DOCS / "languages.md": languages_page(),
    }


def main() -> int:
    """Returns 1 when `--check` is given and a page differs."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"docs/{path.name} is not current: run `make docs`", file=sys.stderr)
        return int(bool(stale))
    for path in stale:
        path.write_text(pages()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
