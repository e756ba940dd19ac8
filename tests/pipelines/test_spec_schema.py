"""The JSON Schema and the reference page say what the loader does."""

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from curation.errors import SpecError
from pipelines.spec_file import parse_spec
from pipelines.spec_schema import json_schema, markdown_reference

Value = object


def accepts(schema: dict[str, Value], value: Value) -> bool:
    """The keywords of JSON Schema 2020-12 that the generator uses, as the standard defines them."""
    if "anyOf" in schema:
        return any(accepts(option, value) for option in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    return TESTS[schema["type"]](schema, value)


def _is_number(schema: dict[str, Value], value: Value, kind: type) -> bool:
    is_number = isinstance(value, kind) and not isinstance(value, bool)
    return is_number and schema.get("minimum", value) <= value <= schema.get("maximum", value)


TESTS = {
    "null": lambda _, value: value is None,
    "boolean": lambda _, value: isinstance(value, bool),
    "integer": lambda schema, value: _is_number(schema, value, int),
    "number": lambda schema, value: _is_number(schema, value, int | float),
    "string": lambda schema, value: isinstance(value, str) and bool(re.search(schema.get("pattern", ""), value)),
    "array": lambda schema, value: isinstance(value, list) and all(accepts(schema["items"], item) for item in value),
    "object": lambda schema, value: isinstance(value, dict) and _accepts_object(schema, value),
}


def _accepts_object(schema: dict[str, Value], value: dict[str, Value]) -> bool:
    properties, others = schema.get("properties", {}), schema["additionalProperties"]
    names = re.compile(schema.get("propertyNames", {}).get("pattern", ""))
    return all(name in value for name in schema.get("required", ())) and all(
        names.search(name)
        and (accepts(properties[name], item) if name in properties else others and accepts(others, item))
        for name, item in value.items()
    )


def test_the_schema_accepts_the_specs_that_come_with_the_package(repository: Path):
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema, "the schema is not JSON"
    for path in (repository / "pipelines" / "jobs").glob("*.yaml"):
        assert accepts(schema, YAML(typ="safe").load(path)), f"{path.name} is refused"


@pytest.mark.parametrize(
    "more",
    [
        "seed: 1",
        "seed: -1",
        "seed: '1'",
        "sede: 1",
        "limits: {record_bytes: 64MiB}",
        "limits: {record_bytes: 64MB}",
        "limits: {record_bytes: 4}",
        "limits: {expansion: 64MiB}",
        "validation: {fraction: 0.7}",
        "dedup: {near: null}",
        "dedup: null",
        "dedup: {prefer: [longest]}",
        "dedup: {prefer: [shortest]}",
        "dedup: {exact: yes}",
        "shards: {}",
        "shards: {tokenizer: a}",
        "gates: {g: {rules: [{signal: a, min: 1}]}}",
        "gates: {g: {rules: [{min: 1}]}}",
        "gates: {'g h': {rules: [{signal: a, min: 1}]}}",
    ],
)
def test_schema_and_loader_agree_on_what_types_and_ranges_allow(more):
    text = f"job: web\ninputs: {{web: {{files: [a]}}}}\n{more}\n"
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    try:
        parse_spec(text.encode(), name="web.yaml")
        is_valid = True
    except SpecError:
        is_valid = False
    assert accepts(json_schema(), yaml.load(text)) == is_valid


def test_the_reference_page_is_current(repository: Path):
    page = repository / "docs" / "spec.md"
    assert page.read_text() == markdown_reference(), "docs/spec.md is not what the code says: run `make docs`"


def test_the_reference_page_has_a_row_for_each_key_with_a_sentence(repository: Path):
    rows = [line for line in markdown_reference().splitlines() if line.startswith("| `")]
    assert all(row.split(" | ")[-1].strip(" |") or " only" in row for row in rows if row.count(" | ") == 3)
    for key in (
        "record_bytes",
        "review_within",
        "one_of",
        "sequence_length",
        "control_characters",
        "gopher_repetition",
    ):
        assert any(f"`{key}`" in row for row in rows), f"{key} has no row"
    assert "`<\\|endoftext\\|>`" in markdown_reference(), "a bar in a cell must be escaped"
