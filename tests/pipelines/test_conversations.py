"""Conversations and preferences beside texts: read, curated, tokenised with a mask, packed, read by trainers."""

import json
import shutil
from pathlib import Path

import datasets
import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from tokenizers import AddedToken, Tokenizer

import gristmill
from curation.errors import SpecError, VerifyError
from curation.text.conversation import IS_REJECTED, LEARNT, TEMPLATE
from pipelines.exported import open_export
from pipelines.layouts import write_layout
from pipelines.rundir import Run
from pipelines.shards import export_shards
from pipelines.spec import Columns, InputSpec
from pipelines.spec_file import load_spec
from pipelines.token_law import token_findings
from pipelines.tokenize import encode_batch, load_tokenizer
from tests.oracles.reading import read_files
from tests.token_runs import documents, texts, tokenizer, with_turns, write_run
from trainer.batch import IGNORE
from trainer.preferences import preferences
from trainer.shards import open_shards

SPEC = """job: talk
inputs:
  web: {files: [web.jsonl]}
  chat: {files: [chat.jsonl], columns: {messages: messages}}
  pairs: {files: [pairs.parquet], columns: {prompt: prompt, chosen: chosen, rejected: rejected}}
signals: []
dedup: {near: null}
runner: {mode: in_memory}
shards: {tokenizer: tokenizer.json, sequence_length: 128, rows_per_group: 8, rows_per_file: 16}
"""
EOS = "<|endoftext|>"

pytestmark = pytest.mark.slow


def said(seed: int) -> str:
    return texts(1, seed=seed, most_words=14)[0]


CHATS = [
    [
        {"role": "system", "content": "be kind"},
        *(
            {"role": role, "content": f"{said(100 * number + turn)} {number}"}
            for turn, role in enumerate(["user", "assistant"] * (number % 4 + 1))
        ),
    ]
    for number in range(30)
]
PAIRS = [(f"which {said(number)}", f"good {said(50 + number)}", f"bad {said(90 + number)}") for number in range(12)]


def with_marks() -> bytes:
    """A tokenizer that has ChatML's marks as special tokens."""
    made = Tokenizer.from_buffer(tokenizer().content)
    made.add_special_tokens([AddedToken(mark, special=True) for mark in ("<|im_start|>", "<|im_end|>")])
    return made.to_str().encode()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("talk")
    web = [{"text": text} for text in dict.fromkeys(texts(20, seed=9))]
    (folder / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in web))
    (folder / "chat.jsonl").write_text("".join(json.dumps({"messages": chat, "id": 7}) + "\n" for chat in CHATS))
    prompt, chosen, rejected = zip(*PAIRS, strict=True)
    pq.write_table(pa.table({"prompt": prompt, "chosen": chosen, "rejected": rejected}), folder / "pairs.parquet")
    (folder / "tokenizer.json").write_bytes(with_marks())
    (folder / "job.yaml").write_text(SPEC)
    return gristmill.run(folder / "job.yaml", output=str(folder / "run"))


@pytest.fixture(scope="module")
def export(run: Run) -> Path:
    return Path(run.store.uri) / open_export(run.store.uri).folder


Known = tuple[list[int], list[int]]
"""Token ids and what each is for."""


def oracle(messages: list[dict[str, str]], branch: int) -> Known:
    """What is to be learnt of a conversation, token by token, by ChatML's definition."""
    made = Tokenizer.from_buffer(with_marks())
    ids: list[int] = []
    uses: list[int] = []

    def add(tokens: list[int], use: int) -> None:
        ids.extend(tokens)
        uses.extend([use | branch] * len(tokens))

    for message in messages:
        learnt = int(message["role"] == "assistant")
        add([made.token_to_id("<|im_start|>")], 0)
        add(made.encode(message["role"] + "\n").ids, 0)
        add(made.encode(message["content"]).ids, learnt)
        add([made.token_to_id("<|im_end|>")], learnt)
        add(made.encode("\n").ids, 0)
    return ids, uses


def expected() -> dict[tuple[int, ...], list[int]]:
    """The tokens of every conversation and preference with EOS, and what each is for."""
    eos = Tokenizer.from_buffer(with_marks()).token_to_id(EOS)
    known = {}
    for chat in CHATS:
        ids, uses = oracle(chat, 0)
        known[(*ids, eos)] = [*uses, 0]
    for prompt, good, bad in PAIRS:
        branches = [
            oracle([{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], branch)
            for answer, branch in ((good, 0), (bad, IS_REJECTED))
        ]
        (ids, uses), (other_ids, other_uses) = branches
        known[(*ids, *other_ids, eos)] = [*uses, *other_uses, IS_REJECTED]
    return known


def by_document(export: Path) -> dict[bytes, Known]:
    """Tokens and mask of each document, its pieces put together again."""
    shards, found = open_shards(export), {}
    batch = shards.rows(0, len(shards))
    for row in range(len(shards)):
        at = 0
        for piece in shards.documents(row):
            ids, uses = found.setdefault(piece.doc_id, ([], []))
            place = slice(at + piece.continued, at + piece.length)
            ids += batch.tokens_RC[row, place].tolist()
            uses += batch.mask_RC[row, place].tolist()
            at += piece.length
    return found


def test_every_token_of_every_conversation_is_for_what_the_oracle_says(export: Path):
    known, seen, plain = expected(), 0, 0
    for ids, uses in by_document(export).values():
        if tuple(ids) in known:
            assert uses == known[tuple(ids)]
            seen += 1
        else:
            assert set(uses) == {LEARNT}, "all of a text is learnt"
            plain += 1
    assert (seen, plain) == (len(CHATS) + len(PAIRS), 20)


def test_labels_are_the_learnt_tokens_and_their_number_is_that_of_the_manifest(export: Path):
    shards = open_shards(export)
    batch = shards.rows(0, len(shards))
    labels = batch.labels()
    is_learnt = labels != IGNORE
    assert (batch.mask_RC[:, 1:][is_learnt] == LEARNT).all()
    assert (labels[is_learnt] == batch.tokens_RC[:, 1:][is_learnt]).all()
    assert is_learnt.sum() == batch.num_targets == shards.num_targets(0, len(shards)) == shards.manifest.targets
    assert shards.manifest.targets < shards.manifest.tokens / 1.5, "questions are not learnt"


def test_the_law_of_tokens_and_the_readers_own_checks_hold(run: Run, export: Path):
    assert token_findings(run.store, str(export.relative_to(run.store.uri))) == []
    open_shards(export).verify()


def test_a_manifest_that_denies_the_mask_is_refused(export: Path, tmp_path: Path):
    manifest = json.loads((export / "manifest.json").read_text())
    for key, value, message in (
        ("loss_mask", False, "expected the schema"),
        ("loss_mask", 1, "expected true or false"),
    ):
        folder = Path(shutil.copytree(export, tmp_path / f"{value}"))
        (folder / "manifest.json").write_text(json.dumps(manifest | {key: value}))
        with pytest.raises(VerifyError, match=message):
            open_shards(folder).files[0].group_columns(0, ("n_valid",))


def test_the_branches_of_a_preference_do_not_see_each_other_and_start_anew(export: Path):
    shards = open_shards(export)
    batch = shards.rows(0, len(shards))
    segments, positions, documents_RC = batch.segments(), batch.positions(), batch.documents()
    for row in range(len(shards)):
        is_rejected = batch.mask_RC[row] >= IS_REJECTED
        for number in set(documents_RC[row].tolist()) - {-1}:
            here = documents_RC[row] == number
            kinds = [set(segments[row][here & (is_rejected == branch)].tolist()) for branch in (False, True)]
            assert not kinds[0] & kinds[1]
    starts = np.diff(segments, axis=1, prepend=-2) != 0
    assert (positions[starts] == 0).all()
    assert (np.diff(positions, axis=1)[~starts[:, 1:] & (segments[:, 1:] >= 0)] == 1).all()


def test_preferences_of_a_batch_are_prompt_and_answers(export: Path):
    shards, made = open_shards(export), Tokenizer.from_buffer(with_marks())
    found = list(preferences(shards.rows(0, len(shards)), eos_id=shards.manifest.eos_id))
    assert 3 < len(found) < len(PAIRS), "one that is cut by the end of its row is left out"
    for pair in found:
        chosen, rejected = (
            made.decode(one.tokens_N.tolist(), skip_special_tokens=False) for one in (pair.chosen, pair.rejected)
        )
        prompt = next(prompt for prompt, good, bad in PAIRS if good in chosen and bad in rejected)
        assert chosen.startswith(f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n")
        assert chosen.split("assistant")[0] == rejected.split("assistant")[0]
        answer = made.decode(pair.chosen.tokens_N[pair.chosen.is_answer_N].tolist(), skip_special_tokens=False)
        assert chosen.endswith(f"{answer}\n")
        assert answer.endswith("<|im_end|>")


def test_the_mask_is_read_by_every_library_and_kept_by_other_layouts(run: Run, export: Path, tmp_path: Path):
    shards = open_shards(export)
    mask_RC = shards.rows(0, len(shards)).mask_RC
    rows = [row.tobytes() for row in mask_RC]
    paths = sorted(str(path) for path in (export / "stages").rglob("*.parquet"))
    assert ds.dataset(paths).to_table().sort_by("row")["loss_mask"].to_pylist() == rows
    assert [
        row for (row,) in duckdb.sql(f"SELECT loss_mask FROM read_parquet({paths}) ORDER BY row").fetchall()
    ] == rows
    assert polars.read_parquet(paths).sort("row")["loss_mask"].to_list() == rows
    by_datasets = datasets.load_dataset("parquet", data_files=paths, split="train", cache_dir=str(tmp_path / "cache"))
    assert by_datasets["loss_mask"][:] == rows
    exported = open_export(run.store.uri)
    write_layout(exported, "npy", tmp_path / "npy")
    assert np.array_equal(np.load(tmp_path / "npy" / "loss_mask.npy"), mask_RC)
    write_layout(exported, "list", tmp_path / "list")
    lists = pq.read_table(tmp_path / "list").sort_by("row")
    assert [len(row) for row in lists["loss_mask"].to_pylist()] == lists["n_valid"].to_pylist()
    assert lists["loss_mask"][0].as_py() == mask_RC[0, : lists["n_valid"][0].as_py()].tolist()
    write_layout(exported, "mds", tmp_path / "mds")
    with pytest.raises(SpecError, match="expected documents that are learnt whole, found a loss_mask"):
        write_layout(exported, "megatron", tmp_path / "megatron")


def test_texts_name_their_template_and_keep_their_turns(run: Run):
    rows = (
        run.connect().sql('SELECT source, extractor, extra, text FROM documents ORDER BY source, "offset"').fetchall()
    )
    for source, extractor, extra, text in rows:
        assert extractor == (None if source == "web" else TEMPLATE)
        assert source == "web" or text.startswith("<|im_start|>")
        assert source == "web" or json.loads(extra)["conversation"][-1] == "assistant"


def test_an_export_without_conversations_has_no_mask_and_is_of_the_version_before(tmp_path: Path):
    export = export_shards(write_run(tmp_path, [documents(texts(5))]))
    assert export.manifest["format_version"] == "1.0"
    assert "loss_mask" not in export.manifest
    assert open_shards(tmp_path / export.folder).rows(0, 1).mask_RC is None
    assert not list((tmp_path / "tokens").glob("*.mask"))


def test_a_conversation_that_an_edit_has_blurred_is_read_and_not_learnt():
    pinned = load_tokenizer(with_marks(), eos=EOS)
    text = "<|im_start|>user\nhello\n<|im_start|>assistant\nyes<|im_end|>\n"
    batch = with_turns(documents([text, "plain"]), ["user", "assistant"], None)
    encoded = encode_batch(batch, pinned)
    blurred, plain = encoded.rows["num_tokens"].to_pylist()
    assert encoded.mask.tolist() == [0] * (blurred + 1) + [LEARNT] * (plain + 1)
    assert pinned.decode(encoded.ids[:blurred]) == text, "its marks are text now, not special tokens"
    assert pinned.special("<|im_start|>") not in encoded.ids


def test_jsonl_and_parquet_hold_the_same_conversations_and_refuse_the_same(tmp_path: Path):
    records = [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "text": "mine"},
        {"messages": [{"role": "user", "content": "a"}]},
        {"messages": [{"role": "user", "content": "<|im_end|>"}]},
        {"messages": None},
        {"messages": [{"role": "owl", "content": "a"}]},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    for extra in (True, False):
        given = InputSpec(files=(), columns=Columns(messages="messages"), extra=extra)
        lines, rows = (read_files(tmp_path / name, given=given) for name in ("a.jsonl", "a.parquet"))
        assert lines.texts == rows.texts == ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"]
        assert lines.reasons == rows.reasons == ["no_answer", "mark_in_message", "messages_missing", "bad_message"]
        kept = {"conversation": ["user", "assistant"]} | ({"text": "mine"} if extra else {})
        assert [json.loads(found.rows[0]["extra"]) for found in (lines, rows)] == [kept, kept]
        assert {found.rows[0]["extractor"] for found in (lines, rows)} == {TEMPLATE}


def test_an_answer_may_repeat_its_prompt_and_a_string_needs_one(tmp_path: Path):
    question = {"role": "user", "content": "q"}
    answers = [[question, {"role": "assistant", "content": word}] for word in ("good", "bad")]
    records = [
        {"prompt": "q", "chosen": "good", "rejected": "bad"},
        {"prompt": [question], "chosen": answers[0][1:], "rejected": answers[1][1:]},
        {"prompt": "q", "chosen": answers[0], "rejected": answers[1]},
        {"chosen": answers[0], "rejected": answers[1]},
        {"chosen": "good", "rejected": "bad"},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    given = InputSpec(files=(), columns=Columns(chosen="chosen", rejected="rejected", prompt="prompt"))
    found = read_files(tmp_path / "a.jsonl", given=given)
    assert len(found.texts) == 4
    assert len(set(found.texts)) == 1
    assert found.reasons == ["prompt_missing"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("{chosen: a}", r"columns\.rejected: expected chosen and rejected together"),
        ("{chosen: a, rejected: b, messages: c}", r"columns\.messages: expected messages, or chosen and rejected"),
        ("{prompt: a}", r"columns\.prompt: expected a prompt beside chosen and rejected only"),
    ],
    ids=["half", "both", "prompt"],
)
def test_columns_that_do_not_go_together_are_an_error_of_the_spec(columns: str, message: str, tmp_path: Path):
    path = tmp_path / "job.yaml"
    path.write_text(f"job: a\ninputs: {{a: {{files: [a.jsonl], columns: {columns}}}}}\n")
    with pytest.raises(SpecError, match=message):
        load_spec(path)
