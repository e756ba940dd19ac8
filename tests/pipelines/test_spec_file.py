"""Spec files: what is accepted, and the whole line of every message."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import SpecError
from curation.quality.gates import Rule, When
from curation.quality.presets import PRESETS
from pipelines.spec import Columns, GateSpec, InputSpec, JobSpec, NearSpec, RunnerSpec
from pipelines.spec_file import check_job, dump_spec, load_spec, parse_spec, spec_dict, spec_of_paths
from pipelines.spec_text import with_signing

MINIMAL = "job: web\ninputs:\n  web:\n    files: [a.jsonl]\n"
GATED = MINIMAL + "    gates: [short]\ngates:\n  short:\n    rules:\n      - {signal: num_chars, min: 10}\n"
PRESET_NAMES = ", ".join(sorted(PRESETS))
JOBS = Path(__file__).resolve().parents[2] / "pipelines" / "jobs"


def parsed(text: str, *settings: str) -> JobSpec:
    return parse_spec(text.encode(), name="web.yaml", settings=settings)


def message(text: str, *settings: str) -> str:
    with pytest.raises(SpecError) as error:
        parsed(text, *settings)
    return str(error.value)


def test_a_minimal_spec_has_the_defaults_of_the_dataclasses():
    assert parsed(MINIMAL) == JobSpec(job="web", inputs={"web": InputSpec(files=("a.jsonl",))})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("    weight: 30%\n", "5:5: inputs.web.weight: expected a number in [0, 16], found '30%'. Write 0.3."),
        ("    weight: '2'\n", "5:5: inputs.web.weight: expected a number in [0, 16], found '2'. Write 2 without quotes."),
        ("    weight: 17\n", "5:5: inputs.web.weight: expected a number in [0, 16], found 17"),
        ("    weight: .nan\n", "5:5: inputs.web.weight: expected a number in [0, 16], found '.nan'"),
        ("    weight: 1e999\n", "5:5: inputs.web.weight: expected a number in [0, 16], found '1e999'"),
        ("    weight: true\n", "5:5: inputs.web.weight: expected a number in [0, 16], found 'true'"),
        ("    weight:\n", "5:5: inputs.web.weight: expected a number in [0, 16], found nothing"),
        ("    weight: [1]\n", "5:5: inputs.web.weight: expected a number in [0, 16], found a list"),
        ("    domain: 12\n", "5:5: inputs.web.domain: expected text, found '12'. Write '12'."),
        ("    format: json\n", "5:5: inputs.web.format: expected one of auto, warc, jsonl, parquet, text, found 'json'. Write jsonl."),
        ("    gates: short\n", "5:5: inputs.web.gates: expected a list, found 'short'. Write [short]."),
        ("    gates: [shrt]\n", "5:13: inputs.web.gates[0]: expected a gate that the spec has (it has none), found 'shrt'"),
        ("    columns: text\n", "5:5: inputs.web.columns: expected keys (text, id, url, language, license, date, messages, chosen, rejected, prompt), found 'text'"),
        ("    columns: {text: ''}\n", "5:15: inputs.web.columns.text: expected the name of a column, found ''"),
        ("    files: [b]\n", "5:5: inputs.web: expected each key once, found 'files' twice"),
        ("    1: 2\n", "5:5: inputs.web: expected a key that is text, found '1'. Quote it."),
        ("seed: 0.5\n", "5:1: seed: expected a whole number in [0, 9223372036854775807], found '0.5'"),
        ("seed: 64MiB\n", "5:1: seed: expected a whole number in [0, 9223372036854775807], found '64MiB'"),
        ("dedup: {exact: no}\n", "5:9: dedup.exact: expected true or false, found 'no'. Write false."),
        ("dedup: {exact: text}\n", "5:9: dedup.exact: expected true or false, found 'text'"),
        ("dedup: {exact: [txt]}\n", "5:17: dedup.exact[0]: expected one of raw, text, words, found 'txt'. Write text."),
        ("dedup: {exact: [raw, raw]}\n", "5:22: dedup.exact[1]: expected each kind once, found 'raw' twice"),
        ("dedup: {exact: null}\n", "5:9: dedup.exact: expected true or false, found nothing"),
        ("dedup: {prefer: [longst]}\n", "5:18: dedup.prefer[0]: expected source, first, longest, licensed, newest, signal.NAME or -signal.NAME, found 'longst'. Write longest."),
        ("dedup: {prefer: [first, first]}\n", "5:25: dedup.prefer[1]: expected each criterion once, found 'first' twice"),
        ("dedup: {licenses: [MIT]}\n", "5:9: dedup.licenses: expected `licensed` in dedup.prefer, which reads this list, found it nowhere"),
        ("dedup: {near: {review_within: 2}}\n", "5:16: dedup.near.review_within: expected a number in [0, 1], found 2"),
        ("dedup: {near: {min_jaccard: 0.2, review_within: 0.2}}\n", "5:34: dedup.near.review_within: expected less than min_jaccard (0.2), found 0.2"),
        ("dedup: {near: {bands: 100, rows: 100}}\n", "5:28: dedup.near.rows: expected bands x rows of at most 1024, found 10000"),
        ("dedup: {near: {ngram: 65}}\n", "5:16: dedup.near.ngram: expected a whole number in [1, 64], found 65"),
        ("dedup: {near: {preset: fineweb, bands: 20}}\n", "5:33: dedup.near.bands: expected 14 by preset fineweb, found 20; leave one of the two out"),
        ("dedup: {near: {threshold: 0.8, recall: 0.9, rows: 9}}\n", "5:45: dedup.near.rows: expected 8 by threshold and recall, found 9; leave one of the two out"),
        ("dedup: {near: {threshold: 0.8}}\n", "5:16: dedup.near.threshold: expected recall beside it, found none; both make bands and rows"),
        ("dedup: {near: {preset: nemo, threshold: 0.8, recall: 0.9}}\n", "5:30: dedup.near.threshold: expected no preset beside it, found 'nemo'; either makes bands and rows"),
        ("dedup: {near: {threshold: 0.5, recall: 0.9}}\n", "5:32: dedup.near.recall: expected a recall that 1024 permutations reach at a similarity of 0.5 while they catch at most 0.01 of pairs half as similar, found 0.9; lower it"),
        ("dedup: {near: {shingle: characters, normalize: fineweb}}\n", "5:37: dedup.near.normalize: expected 'case' with shingles of characters, found 'fineweb', which is about words"),
        ("limits: {record_bytes: 64MB}\n", "5:10: limits.record_bytes: expected a size such as 64MiB in [1KiB, 1GiB], found '64MB'"),
        ("limits: {record_bytes: 2GiB}\n", "5:10: limits.record_bytes: expected a size such as 64MiB in [1KiB, 1GiB], found 2147483648"),
        ("validation: {fraction: 0.7}\n", "5:14: validation.fraction: expected a number in [0, 0.5], found 0.7"),
        ("shards: {}\n", "5:1: shards: expected the key 'tokenizer', found none. It is required: path or URL of a tokenizer.json, relative to the spec."),
        ("shards: {tokenizer: https://x.org/t.json}\n", "5:1: shards.tokenizer_sha256: expected the sha256 of the file that is named beside it, found none"),
        ("language_model: {path: m.ftz, sha256: abc}\n", "5:31: language_model.sha256: expected 64 hexadecimal digits, found 'abc'"),
        ("runner: {name: FlinkRunner}\n", "4:13: inputs.web.files[0]: expected a URL that workers of FlinkRunner can open, found 'a.jsonl'"),
        ("gates: {g: {}}\n", "5:9: gates.g: expected a preset or rules, found neither"),
        ("gates: {g: {preset: gopher}}\n", f"5:13: gates.g.preset: expected one of {PRESET_NAMES}, found 'gopher'"),
        ("gates: {g: {rules: [{signal: a}]}}\n", "5:21: gates.g.rules[0]: rule 'a': expected min and/or max, or one_of, or absent; give one kind of bound"),
        ("gates: {g: {rules: [{signal: a, min: 1, one_of: [b]}]}}\n", "5:21: gates.g.rules[0]: rule 'a': expected min and/or max, or one_of, or absent; give one kind of bound"),
        ("gates: {g: {rules: [{signal: a, min: 2, max: 1}]}}\n", "5:21: gates.g.rules[0]: expected min <= max, found 2 > 1"),
        ("gates: {g: {rules: [{signal: a, min: 2, review_within: -1}]}}\n", "5:41: gates.g.rules[0].review_within: expected a number of at least 0, found -1"),
        ("gates: {g: {rules: [{signal: a, min: 2}, {signal: a, max: 3}]}}\n", "5:42: gates.g.rules[1]: expected rules of different names, found 'a' twice; give one a name"),
        ("gates: {g: {preset: gopher_quality, when: {source: [books]}}}\n", "5:53: gates.g.when.source[0]: expected one of web, found 'books'"),
        ("gates: {g: {preset: gopher_quality, when: {domain: [law]}}}\n", "5:53: gates.g.when.domain[0]: expected a domain that the spec has (it has none), found 'law'"),
        ("seed: &a 1\n", "5:7: expected no anchors or aliases; repeat the value"),
        ("seed: !!int 1\n", "5:7: expected no tags, found tag:yaml.org,2002:int; leave it out"),
        ("---\njob: b\n", "5:1: expected YAML 1.2, found an error: but found another document"),
    ],
)  # fmt: skip
def test_a_message_says_where_what_was_expected_what_was_found_and_what_to_write(more, expected):
    assert message(MINIMAL + more) == f"web.yaml:{expected}"


def test_an_unknown_key_lists_the_keys_and_suggests_the_nearest():
    keys = ", ".join(item.name for item in dataclasses.fields(InputSpec))
    assert message(MINIMAL + "    wieght: 2\n") == (
        f"web.yaml:5:5: inputs.web: expected one of the keys {keys}, found 'wieght'. Write weight."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "web.yaml:1:1: expected keys that describe a job, found nothing"),
        ("- a\n", "web.yaml:1:1: expected keys that describe a job, found a list"),
        ("job: a b\ninputs: {w: {files: [x]}}\n", "web.yaml:1:1: job: expected a name of at most 64 letters, digits, - and _, found 'a b'"),
        ("job: a\ninputs: {}\n", "web.yaml:2:1: inputs: expected at least one input, found none"),
        ("job: a\ninputs: {w: {files: []}}\n", "web.yaml:2:14: inputs.w.files: expected at least one path or URL, found none"),
        ("job: a\ninputs:\n", "web.yaml:2:1: inputs: expected names with keys below them, found nothing"),
        ("inputs: {w: {files: [x]}}\n", "web.yaml:1:1: expected the key 'job', found none. It is required: name of the job: letters, digits, - and _."),
        ("%YAML 1.1\n---\njob: a\n", "web.yaml:2:1: expected YAML 1.2 without directives; leave the line that begins with % out"),
        ("job: [\n", "web.yaml:2:1: expected YAML 1.2, found an error: expected the node content, but found '<stream end>'"),
        ("[" * 40 + "]" * 40, "web.yaml:1:33: expected at most 32 levels, found more"),
        ("[" * 200_000, "web.yaml:1:33: expected at most 32 levels, found more"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_spec_is_refused_with_one_line(text, expected):
    assert message(text) == expected


def test_a_file_that_is_too_big_or_not_utf_8_is_refused():
    with pytest.raises(SpecError, match="expected at most 1048576 bytes, found more"):
        parse_spec(b"#" * (1 << 20) + b"\n", name="web.yaml")
    with pytest.raises(SpecError, match="expected UTF-8, found byte 0xff at offset 5"):
        parse_spec(b"job: \xff\n", name="web.yaml")


def test_a_missing_file_or_a_folder_is_no_spec(tmp_path):
    for path, found in ((tmp_path, "a folder"), (tmp_path / "web.yaml", "no file")):
        with pytest.raises(SpecError) as error:
            load_spec(path)
        assert str(error.value) == f"{path}: expected a spec (a YAML file), found {found}"


def test_a_missing_tokenizer_is_a_spec_error_and_is_looked_for_beside_the_spec(tmp_path):
    path = tmp_path / "web.yaml"
    path.write_text(MINIMAL + "shards: {tokenizer: t/tokenizer.json}\n")
    with pytest.raises(SpecError) as error:
        load_spec(path)
    assert str(error.value) == (
        f"web.yaml:5:10: shards.tokenizer: expected a tokenizer.json, found none at '{tmp_path}/t/tokenizer.json'. "
        "gristmill tokenizer train makes one."
    )
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "tokenizer.json").touch()
    assert load_spec(path).shards is not None


def test_norway_is_text_and_octals_of_old_are_decimal():
    spec = parsed(MINIMAL + "    domain: no\nseed: 012\n")
    assert (spec.inputs["web"].domain, spec.seed) == ("no", 12)


def test_sizes_are_numbers_or_texts_with_a_binary_unit():
    spec = parsed(MINIMAL + "limits: {record_bytes: 1MiB, batch_bytes: 4096, unit_bytes: '16 KiB'}\n")
    assert (spec.limits.record_bytes, spec.limits.batch_bytes, spec.limits.unit_bytes) == (1 << 20, 4096, 16384)


def test_a_whole_number_is_a_number_and_null_switches_off_what_may_be_off():
    spec = parsed(MINIMAL + "    weight: 2\ndedup: {near: null}\n")
    assert isinstance(spec.inputs["web"].weight, float)
    assert spec.dedup.near is None


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("seed=7", JobSpec(job="web", inputs={"web": InputSpec(files=("a.jsonl",))}, seed=7)),
        ("inputs.web.files=[b, c]", JobSpec(job="web", inputs={"web": InputSpec(files=("b", "c"))})),
        ("inputs.web.files[0]=b", JobSpec(job="web", inputs={"web": InputSpec(files=("b",))})),
        ("inputs.web.columns.text=body", JobSpec(job="web", inputs={"web": InputSpec(files=("a.jsonl",), columns=Columns(text="body"))})),
        ("inputs.web.domain=", JobSpec(job="web", inputs={"web": InputSpec(files=("a.jsonl",), domain="")})),
    ],
)  # fmt: skip
def test_a_setting_replaces_or_adds_one_key(setting, expected):
    assert parsed(MINIMAL, setting) == expected


def test_a_setting_reaches_into_lists_of_rules():
    assert parsed(GATED, "gates.short.rules[0].min=20").gates["short"].rules[0].min == 20


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("inputs.web.weight=30%", "--set inputs.web.weight=30%:1:1: inputs.web.weight: expected a number in [0, 16], found '30%'. Write 0.3."),
        ("seed", "--set seed: expected key=value, for example limits.max_bad_fraction=0.2"),
        ("=1", "--set =1: expected key=value, for example limits.max_bad_fraction=0.2"),
        ("job.x=1", "--set job.x=1:1:1: job: expected text, found keys"),
        ("gates.short.rules[3].min=1", "--set gates.short.rules[3].min=1: expected a list with an item [3], found none"),
        ("seed={", "--set seed={:1:2: expected YAML 1.2, found an error: expected the node content, but found '<stream end>'"),
    ],
)  # fmt: skip
def test_a_message_about_a_setting_names_the_setting(setting, expected):
    assert message(GATED, setting) == expected


def test_plain_paths_are_a_job_and_take_settings():
    spec = spec_of_paths(("a b.jsonl", "weird'\"\U0001f600.txt"), settings=("job=mine",))
    assert spec == JobSpec(job="mine", inputs={"files": InputSpec(files=("a b.jsonl", "weird'\"\U0001f600.txt"))})


def test_a_job_made_in_python_is_checked_like_a_file():
    job = JobSpec(job="web", inputs={"web": InputSpec(files=("a",), weight=99.0)})
    with pytest.raises(SpecError) as error:
        check_job(job)
    assert str(error.value) == "spec: inputs.web.weight: expected a number in [0, 16], found 99"


@pytest.mark.parametrize("name", ["quickstart.yaml", "dev.yaml"])
def test_the_specs_that_come_with_the_package_are_valid(name):
    assert parse_spec((JOBS / name).read_bytes(), name=name).inputs


texts = st.text(max_size=8).map(lambda text: text or "x")
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
numbers = st.floats(min_value=0, max_value=16)
rules = st.builds(
    Rule, signal=texts, min=numbers, when=st.builds(When, language=st.lists(texts, max_size=2).map(tuple))
)
gates = st.builds(GateSpec, preset=st.just("gopher_quality"), rules=st.lists(rules, max_size=1).map(tuple))
inputs = st.builds(
    InputSpec,
    files=st.lists(texts, min_size=1, max_size=3).map(tuple),
    domain=st.none() | texts,
    weight=numbers,
    columns=st.builds(Columns, text=texts, id=st.none() | texts),
)
jobs = st.builds(
    JobSpec,
    job=names,
    inputs=st.dictionaries(names, inputs, min_size=1, max_size=3),
    gates=st.dictionaries(names, gates, max_size=2),
    seed=st.integers(0, 2**63 - 1),
)


@pytest.mark.slow
@given(jobs)
def test_what_is_dumped_is_read_back_as_the_same_job(job):
    assert parse_spec(dump_spec(job).encode(), name="run") == with_signing(job)


@pytest.mark.parametrize("keys", ["preset: nemo", "threshold: 0.8, recall: 0.9", "ngram: 3"])
def test_what_a_preset_or_a_recall_comes_to_is_dumped_so_that_the_record_stands_alone(keys):
    near = parsed(MINIMAL + f"dedup: {{near: {{{keys}}}}}\n").dedup.near
    again = parse_spec(dump_spec(parsed(MINIMAL + f"dedup: {{near: {{{keys}}}}}\n")).encode(), name="run").dedup.near
    assert again.signing == near.signing
    assert None not in (again.shingle, again.ngram, again.bands, again.rows, again.normalize, again.scheme)


def test_the_dump_leaves_out_what_never_changes_the_output():
    job = parsed(MINIMAL)
    other = dataclasses.replace(
        job,
        runner=RunnerSpec(workers=7),
        limits=dataclasses.replace(job.limits, batch_bytes=4096, memory_bytes=1 << 21),
    )
    assert dump_spec(other) == dump_spec(job)
    assert dump_spec(dataclasses.replace(job, seed=1)) != dump_spec(job)


def test_the_spec_as_plain_values_holds_every_key():
    settings = spec_dict(parsed(MINIMAL))
    assert settings["dedup"]["near"] == dataclasses.asdict(NearSpec().filled())
    assert list(settings) == [item.name for item in dataclasses.fields(JobSpec)]
