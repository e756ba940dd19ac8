"""Makes the sample of `pipelines/jobs/quickstart.yaml` from the test corpora; the same bytes every time.

Run `python infra/make_quickstart.py` with GRISTMILL_CORPORA set. Only text that may be redistributed goes in:
`pipelines/jobs/quickstart/LICENCES.md` says whose it is.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from quickstart_web import archive, gzipped, pages

SAMPLE = Path(__file__).resolve().parent.parent / "pipelines" / "jobs" / "quickstart"

MADE = ("web", "questions", "code", "law", "rights", "books", "sentences", "broken")

RIGHTS_LANGUAGES = (
    "af ar be bg bn bs ca cs cy da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko "
    "lo lt lv mk ml mn mr ms mt my nb ne nl nn pa pl ps pt ro ru si sk sl sq sr sv sw ta te tg th tl tr uk ur uz vi zh"
).split()

BROKEN = (
    "bad.parquet bad_lines.jsonl bidi_zero_width.txt binary.bin.txt control_chars.txt deep_nesting.jsonl "
    "empty.jsonl.gz empty.txt html_as_warc.warc invalid_utf8.txt lone_surrogate.jsonl mojibake.txt "
    "multi_member.jsonl.gz not_gzip.jsonl.gz only_newlines.txt png_as_html.html utf16le_bom.txt "
    "utf8_bom.jsonl warc_charset_meta_sjis.warc warc_chunked_broken.warc warc_garbage_between.warc.gz "
    "warc_gzip_lie.warc warc_redirect.warc warc_revisit.warc warc_status_404.warc warc_truncated.warc.gz "
    "warc_wrong_length_long.warc zero_bytes.warc.gz "
).split()


def main(sample: Path = SAMPLE) -> None:
    """Writes the sample anew, leaving the files beside it (licences, tokenizer) alone."""
    corpora = Path(os.environ["GRISTMILL_CORPORA"]) / "dev"
    for folder in MADE:
        shutil.rmtree(sample / folder, ignore_errors=True)
        (sample / folder).mkdir(parents=True)
    for write in (write_web, write_questions, write_code, write_law, write_rights, write_books, write_sentences):
        write(corpora, sample)
    write_truncated(corpora, sample)
    for name in BROKEN:
        shutil.copyfile(corpora / "messy" / name, sample / "broken" / name)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a .jsonl.gz file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def rank(row: dict[str, str]) -> str:
    """Returns a digest of the row's id: sorting by it is a sample that does not depend on the order of the file."""
    return hashlib.sha256(row["id"].encode()).hexdigest()


def jsonl(rows: list[dict[str, str]]) -> bytes:
    """Returns the rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write_gzip(path: Path, content: bytes) -> None:
    """Writes a gzip file without name or time."""
    path.write_bytes(gzipped(content))


def write_web(corpora: Path, sample: Path) -> None:
    """Wikipedia paragraphs as pages (CC BY-SA 4.0), our own odd ones, and two small files of warcio's tests."""
    (sample / "web" / "pages.warc.gz").write_bytes(archive(list(pages(rows_of(corpora / "text/xquad_wiki.jsonl.gz")))))
    for name in ("example.warc.gz", "example-iana.org-chunked.warc"):
        shutil.copyfile(corpora / "web/warc/warcio" / name, sample / "web" / name)


def write_questions(corpora: Path, sample: Path) -> None:
    """Medical questions and answers (CC BY 4.0): full of templates, so of near duplicates."""
    rows = sorted(rows_of(corpora / "text/medquad_qa.jsonl.gz"), key=rank)[:1200]
    write_gzip(sample / "questions" / "medquad.jsonl.gz", jsonl(rows))


def write_code(corpora: Path, sample: Path) -> None:
    """Source files of attrs (MIT) and httpx (BSD-3-Clause), each row with its licence."""
    licences = {"python-attrs+attrs": "MIT", "encode+httpx": "BSD-3-Clause"}
    rows = []
    for row in sorted(rows_of(corpora / "text/code.jsonl.gz"), key=rank):
        project = row["id"].split("/")[0]
        if project in licences and len(row["text"]) < 30_000:
            rows.append({"id": row["id"], "text": row["text"], "license": licences[project], "ext": row["ext"]})
    write_gzip(sample / "code" / "python.jsonl.gz", jsonl(rows[:90]))


def write_law(corpora: Path, sample: Path) -> None:
    """German statutes (public domain)."""
    rows = [row for row in rows_of(corpora / "text/law_de_gesetze.jsonl.gz") if len(row["text"]) < 30_000]
    packed = zstandard.ZstdCompressor(level=19).compress(jsonl(sorted(rows, key=rank)[:60]))
    (sample / "law" / "statutes.jsonl.zst").write_bytes(packed)


def write_rights(corpora: Path, sample: Path) -> None:
    """The Universal Declaration of Human Rights in the languages that the language model knows, variants included."""
    rows = [row for row in rows_of(corpora / "text/udhr.jsonl.gz") if row["bcp47"].split("-")[0] in RIGHTS_LANGUAGES]
    columns = {"id": "id", "lang": "bcp47", "name": "name", "text": "text"}
    table = pa.table({column: [row[key] for row in rows] for column, key in columns.items()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", compression_level=19, row_group_size=40)
    (sample / "rights" / "udhr.parquet").write_bytes(sink.getvalue())


def write_books(corpora: Path, sample: Path) -> None:
    """Three editions of one book with Project Gutenberg's header, and another book (CC0)."""
    for row in rows_of(corpora / "text/gutenberg_alice_with_licence.jsonl.gz"):
        write_gzip(sample / "books" / f"alice-{Path(row['id']).stem}.txt.gz", row["text"].encode())
    for row in rows_of(corpora / "text/standardebooks.jsonl.gz"):
        if row["id"].startswith("mary-shelley"):
            write_gzip(sample / "books" / "frankenstein.txt.gz", row["text"].encode())


def write_sentences(corpora: Path, sample: Path) -> None:
    """Sentences from Tatoeba (CC BY 2.0 FR), one a line, 112 languages."""
    by_language: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows_of(corpora / "text/tatoeba_laser.jsonl.gz"), key=rank):
        by_language.setdefault(row["lang"], []).append(row)
    chosen = [row for language in sorted(by_language) for row in by_language[language][:20]]
    lines = "".join(" ".join(row["text"].split()) + "\n" for row in chosen)
    write_gzip(sample / "sentences" / "tatoeba.txt.gz", lines.encode())


def write_truncated(corpora: Path, sample: Path) -> None:
    """A gzip file cut at two thirds, with Wikipedia paragraphs (CC BY-SA 4.0) before the cut."""
    packed = gzipped(jsonl(sorted(rows_of(corpora / "text/xquad_wiki.jsonl.gz"), key=rank)[:60]))
    (sample / "broken" / "truncated.jsonl.gz").write_bytes(packed[: len(packed) * 2 // 3])


if __name__ == "__main__":
    main()
