"""The arms: which documents a model is given, and in which order, by runs of Gristmill and one of datatrove.

Everything goes through what users have: specs, `gristmill.run`, the tables of a run, and its export. What is finished
lies in the work folder and is not made again.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

import gristmill
from infra.benchmarks.peers import python_of
from infra.experiment.faults import Record

HERE = Path(__file__).resolve().parent
SPECS = HERE / "specs"
HTTP_OK = 200
LANGUAGE_MODEL = HERE.parents[1] / "curation" / "quality" / "models" / "lid.176.ftz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Documents of a pool in an order; `backwards`: its rows from the last to the first."""

    name: str
    pool: str
    order: str = "random"
    backwards: bool = False


CURRICULUM = "warmup+anneal"
ARMS = (
    Arm(name="raw", pool="raw"),
    Arm(name="curated", pool="curated"),
    Arm(name="datatrove", pool="datatrove"),
    Arm(name="curriculum", pool="curated", order=CURRICULUM),
    Arm(name="reversed", pool="curated", order=CURRICULUM, backwards=True),
    Arm(name="raw ordered", pool="raw", order=CURRICULUM),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """An arm's documents: a Parquet file with `user_id` and `text`."""

    name: str
    path: Path

    def names(self) -> list[str]:
        """Returns the records' own ids."""
        return pq.read_table(self.path, columns=["user_id"])["user_id"].to_pylist()

    def texts(self) -> list[str]:
        """Returns the texts, in the same order."""
        return pq.read_table(self.path, columns=["text"])["text"].to_pylist()


def write_records(records: Sequence[Record], path: Path) -> Path:
    """Writes a raw corpus as JSON lines, without its labels.

    Raises:
        SystemExit: another corpus is there, of which there may be cells.
    """
    lines = (json.dumps({"id": record.id, "text": record.text}, ensure_ascii=False) + "\n" for record in records)
    content = "".join(lines).encode(errors="replace")
    if path.exists() and path.read_bytes() != content:
        raise SystemExit(
            f"{path}: expected the corpus that this version makes, found another; remove its folder's parent"
        )
    path.write_bytes(content)
    return path


def pool_of(name: str, files: Sequence[Path], folder: Path) -> Pool:
    """Runs the spec `name` over the files, or takes what it kept before."""
    path = folder / f"{name}.parquet"
    if path.exists():
        return Pool(name=name, path=path)
    files_setting = json.dumps([str(file.resolve()) for file in files])
    run = gristmill.run(
        SPECS / f"{name}.yaml", output=str(folder / f"run-{name}"), settings=[f"inputs.pages.files={files_setting}"]
    )
    kept = run.documents.to_table(columns=["user_id", "url", "offset", "text"])
    names = [
        user_id or f"{url}@{offset}"
        for user_id, url, offset in zip(*(kept[key].to_pylist() for key in ("user_id", "url", "offset")), strict=True)
    ]
    pq.write_table(pa.table({"user_id": names, "text": kept["text"]}), path)
    return Pool(name=name, path=path)


def datatrove_pool(files: Sequence[Path], folder: Path) -> Pool:
    """Returns what datatrove's FineWeb recipe keeps of the files, run in its own venv."""
    path = folder / "datatrove.parquet"
    if not path.exists():
        side = [python_of("fineweb"), HERE / "datatrove_fineweb_side.py", folder / "datatrove", LANGUAGE_MODEL]
        given = [write_html(files, folder / "html.jsonl") if ".warc" in files[0].name else files[0]]
        subprocess.run([*side, *given], check=True)
        with (folder / "datatrove" / "kept.jsonl").open(encoding="utf-8") as lines:
            kept = [json.loads(line) for line in lines]
        if not kept:
            raise SystemExit(f"{given[0]}: expected datatrove to keep some documents, found none; its log is above")
        columns = {key: pa.array([row[key] for row in kept], pa.string()) for key in ("user_id", "text")}
        pq.write_table(pa.table(columns), path)
    return Pool(name="datatrove", path=path)


def write_html(archives: Sequence[Path], path: Path) -> Path:
    """Writes the HTML of all responses of archives as JSON lines; datatrove's own reader needs a system library."""
    with path.open("w", encoding="utf-8", errors="replace") as lines:
        for archive in archives:
            with archive.open("rb") as stream:
                for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
                    if "html" in (record.http_content_type or "") and record.http_headers.status_code == HTTP_OK:
                        content = record.reader.read()
                        html = bytes_to_str(content, detect_encoding(content))
                        lines.write(json.dumps({"id": record.record_id, "text": html}) + "\n")
    return path


def train_tokenizer(run: Path, path: Path, *, vocab_size: int) -> Path:
    """Returns a tokenizer trained on a run's documents, by the command."""
    if not path.exists():
        gristmill_command = [sys.executable, "-m", "pipelines.command.main", "tokenizer", "train"]
        subprocess.run([*gristmill_command, str(run), "-o", str(path), "--vocab-size", str(vocab_size)], check=True)
    return path


def draw(names: Sequence[str], sizes: Sequence[int], *, budget: int, seed: int) -> list[int]:
    """Returns places of documents that have `budget` tokens together, or as many as there are.

    Documents come in an order drawn by seed and name, so pools that share documents draw the same ones; one that no
    longer fits is passed over.
    """
    order = sorted(range(len(names)), key=lambda place: hashlib.sha256(f"{seed} {names[place]}".encode()).digest())
    chosen, left = [], budget
    for place in order:
        if sizes[place] <= left:
            chosen.append(place)
            left -= sizes[place]
    return chosen


def rows_of(pool: Pool, chosen: Sequence[int], tokenizer: Path, output: Path, *, order: str, seed: int) -> Path:
    """Returns the export of the chosen documents of a pool in an order; a finished one is taken."""
    documents = output.with_suffix(".parquet")
    pq.write_table(pq.read_table(pool.path).take(list(chosen)), documents)
    settings = [
        f"inputs.pages.files={json.dumps([str(documents.resolve())])}",
        f"shards.tokenizer={tokenizer.resolve()}",
        f"shards.order={order}",
        f"seed={seed}",
    ]
    run = gristmill.run(SPECS / "rows.yaml", output=str(output), settings=settings)
    return output / "exports" / str(run.latest_export)
