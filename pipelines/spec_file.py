"""Reads and writes spec files: YAML 1.2, strict, every message with line and column.

A spec is at most 1 MiB, has no anchors, aliases or tags, no key twice and none that is unknown. The types of
`pipelines.spec` say what is expected; ranges and cross-checks stand in `pipelines.spec_checks`.
"""

import dataclasses
import difflib
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from curation.errors import SpecError
from pipelines.spec import JobSpec
from pipelines.spec_checks import check_spec

MAX_SPEC_BYTES = 1 << 20
NOT_IN_RUN = ("runner",)
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)")
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_TAG = "tag:yaml.org,2002:"

Built = TypeVar("Built")
Plain = dict[str, "Plain"] | list["Plain"] | str | int | float | bool | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where in a spec something stands: for messages."""

    file: str
    line: int
    column: int
    path: str

    def error(self, message: str) -> SpecError:
        where = f"{self.path}: " if self.path else ""
        return SpecError(f"{self.file}:{self.line}:{self.column}: {where}{message}")


def load_spec(path: Path, *, settings: tuple[str, ...] = ()) -> JobSpec:
    """Returns the job that a spec file describes.

    Args:
        path: the file.
        settings: `key=value` each, dotted keys, YAML values; they replace what the file says.

    Raises:
        SpecError: anything that is not as expected; says where, what was expected and what was found.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path}: cannot read this spec: {error.strerror}; give the path of a YAML file") from None
    return parse_spec(content, name=path.name, settings=settings)


def parse_spec(content: bytes, *, name: str, settings: tuple[str, ...] = ()) -> JobSpec:
    """Returns the job of a spec's bytes; see `load_spec`."""
    if len(content) > MAX_SPEC_BYTES:
        raise SpecError(f"{name}: expected at most {MAX_SPEC_BYTES} bytes, found {len(content)}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{name}: expected UTF-8, found byte {content[error.start]:#04x} at offset {error.start}") from None
    node = _compose(text, name)
    if not isinstance(node, MappingNode):
        raise SpecError(f"{name}:1:1: expected `key: value` lines that describe a job, found {_shown(node)}")
    for setting in settings:
        _apply(node, setting)
    places: dict[str, _Place] = {}
    spec = _Builder(file=name, places=places).build(node, JobSpec, "")
    _checked(spec, name, places)
    return spec


def check_job(spec: JobSpec) -> None:
    """Checks a spec that was made in Python as a spec file would be.

    Raises:
        SpecError: a value out of range, or two keys that contradict each other.
    """
    _checked(spec, "spec", {})


def _checked(spec: JobSpec, name: str, places: Mapping[str, _Place]) -> None:
    for path, message in check_spec(spec):
        nearest = path
        while nearest and nearest not in places:
            nearest = nearest.rpartition(".")[0]
        place = places.get(nearest, _Place(name, 1, 1, path))
        raise dataclasses.replace(place, path=path).error(message)


def _compose(text: str, name: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    try:
        for event in yaml.parse(text):
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
                mark = event.start_mark
                raise SpecError(f"{name}:{mark.line + 1}:{mark.column + 1}: expected no anchors or aliases; repeat the value")
        return yaml.compose(text)  # type: ignore[no-any-return]
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"{name}{where}: expected YAML 1.2, found {problem}") from None
    except RecursionError:
        raise SpecError(f"{name}: expected a spec, found YAML nested too deep") from None


def _apply(root: MappingNode, setting: str) -> None:
    """Replaces or adds one dotted key in the tree."""
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise SpecError(f"--set {setting}: expected key=value, for example --set limits.max_bad_fraction=0.2")
    new = _compose(value or "''", f"--set {key}")
    node: Node = root
    *parents, last = key.split(".")
    for name in parents:
        if not isinstance(node, MappingNode):
            raise SpecError(f"--set {key}: {name!r} is inside something that has no keys")
        found = next((child for label, child in node.value if label.value == name), None)
        if found is None or not isinstance(found, MappingNode):
            found = MappingNode(f"{_TAG}map", [], start_mark=root.start_mark, end_mark=root.end_mark)
            _put(node, name, found)
        node = found
    if not isinstance(node, MappingNode):
        raise SpecError(f"--set {key}: {last!r} is inside something that has no keys")
    _put(node, last, new)


def _put(node: MappingNode, name: str, value: Node | None) -> None:
    label = ScalarNode(f"{_TAG}str", name, start_mark=node.start_mark, end_mark=node.end_mark)
    node.value = [*((key, child) for key, child in node.value if key.value != name), (label, value)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """Turns YAML nodes into the types of the spec; remembers where each key stood."""

    file: str
    places: dict[str, _Place]

    def build(self, node: Node, kind: type[Built], path: str) -> Built:
        """Returns a dataclass of `kind`."""
        place = self._place(node, path)
        if not isinstance(node, MappingNode):
            raise place.error(f"expected keys ({', '.join(_names(kind)[:4])} ...), found {_shown(node)}")
        hints = get_type_hints(kind)
        values = {}
        for name, child, label in self._items(node, path):
            if name not in hints:
                raise self._place(label, path).error(_unknown(name, _names(kind)))
            values[name] = self.value(child, hints[name], f"{path}.{name}".lstrip("."))
        for item in dataclasses.fields(kind):  # type: ignore[arg-type]
            if item.name not in values and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                raise place.error(f"expected the key {item.name!r} ({item.metadata.get('doc', '')}), found none")
        return kind(**values)

    def value(self, node: Node, kind: object, path: str) -> object:
        """Returns the value of a node as `kind`."""
        place = self._place(node, path)
        self.places[path] = place
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in {Union, types.UnionType}:
            if isinstance(node, ScalarNode) and node.tag == f"{_TAG}null":
                return None
            return self.value(node, next(item for item in arguments if item is not type(None)), path)
        if origin is dict:
            if not isinstance(node, MappingNode):
                raise place.error(f"expected names with keys below them, found {_shown(node)}")
            items = self._items(node, path)
            return {name: self.value(child, arguments[1], f"{path}.{name}") for name, child, _ in items}
        if origin is tuple:
            if not isinstance(node, SequenceNode):
                raise place.error(f"expected a list, found {_shown(node)}. Write [{_shown_value(node)}].")
            return tuple(self.value(child, arguments[0], f"{path}[{i}]") for i, child in enumerate(node.value))
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return self.build(node, kind, path)
        if not isinstance(node, ScalarNode):
            raise place.error(f"expected {_named(kind)}, found {_shown(node)}")
        return _scalar(node, kind, place)

    def _items(self, node: MappingNode, path: str) -> list[tuple[str, Node, Node]]:
        seen: set[str] = set()
        items = []
        for label, child in node.value:
            if not isinstance(label, ScalarNode) or label.tag != f"{_TAG}str":
                raise self._place(label, path).error(f"expected a key that is text, found {_shown(label)}; quote it")
            if label.value in seen:
                raise self._place(label, path).error(f"expected each key once, found {label.value!r} twice")
            seen.add(label.value)
            items.append((label.value, child, label))
        return items

    def _place(self, node: Node, path: str) -> _Place:
        mark = node.start_mark
        return _Place(self.file, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, path)


def _scalar(node: ScalarNode, kind: object, place: _Place) -> object:
    tag, text = node.tag.removeprefix(_TAG), node.value
    if get_origin(kind) is Literal:
        if text not in get_args(kind) or tag != "str":
            raise place.error(f"expected {_named(kind)}, found {text!r}{_nearest(text, get_args(kind))}")
        return text
    if kind is str and tag == "str":
        return text
    if kind is bool and tag == "bool":
        return text.lower() == "true"
    if kind is int and (size := _SIZE.fullmatch(text)):
        return int(size[1]) * _UNITS[size[2]]
    if kind is int and tag == "int":
        return int(text.replace("_", ""), 0)
    if kind is float and tag in {"int", "float"}:
        number = float(text)
        if number - number != 0:
            raise place.error(f"expected a finite number, found {text}")
        return number
    hint = ""
    if kind is float and re.fullmatch(r"\d+(\.\d+)?\s*%", text):
        hint = f" Write {float(text.rstrip('% ')) / 100:g}."
    elif kind is str and tag != "str":
        hint = f" Write '{text}'."
    raise place.error(f"expected {_named(kind)}, found {text!r}.{hint}")


def _names(kind: type) -> list[str]:
    return [item.name for item in dataclasses.fields(kind)]


def _unknown(name: str, known: list[str]) -> str:
    return f"unknown key {name!r}{_nearest(name, tuple(known))}; keys are {', '.join(known)}"


def _nearest(found: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(found, known, n=1)
    return f". Did you mean {close[0]!r}?" if close else ""


def _named(kind: object) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    names = {str: "text", int: "a whole number or a size such as 64MiB", float: "a number", bool: "true or false"}
    return names.get(kind, "keys")  # type: ignore[call-overload,no-any-return]


def _shown(node: Node | None) -> str:
    if isinstance(node, MappingNode):
        return "keys"
    return "a list" if isinstance(node, SequenceNode) else repr(node.value) if node is not None else "nothing"


def _shown_value(node: Node) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else "..."


def dump_spec(spec: JobSpec) -> str:
    """Returns the resolved spec as YAML (JSON's subset of it, one key a line), without what never changes the output."""
    settings: Plain = _plain(spec)
    assert isinstance(settings, dict), "a job is a mapping"
    for name in NOT_IN_RUN:
        settings.pop(name)
    limits = settings["limits"]
    assert isinstance(limits, dict), "limits are a mapping"
    for name in ("batch_bytes", "memory_bytes"):
        limits.pop(name)
    return "".join(_yaml(settings, 0))


def _plain(value: object) -> Plain:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    assert value is None or isinstance(value, str | int | float | bool), "a spec holds plain values"
    return value


def _yaml(value: dict[str, Plain], depth: int) -> list[str]:
    import json  # noqa: PLC0415 (JSON scalars are YAML scalars)

    lines = []
    for name, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{'  ' * depth}{json.dumps(name)}:\n", *_yaml(item, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{json.dumps(name)}: {json.dumps(item)}\n")
    return lines
