"""Turns the YAML nodes of a spec into the dataclasses of `pipelines.spec`, strictly, and keeps each key's place.

Strict: `1` is no text, `'1'` no number, `yes` no boolean. Only two conveniences: sizes (`64MiB`) for keys that end in
`_bytes`, and a whole number where any number is allowed.
"""

import dataclasses
import difflib
import math
import re
import types
from collections.abc import Iterator
from typing import TypeVar, Union, get_args, get_origin, get_type_hints

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipelines.spec_checks import expected
from pipelines.spec_yaml import TAG, Place, place_of

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SIZE_PATTERN = r"[0-9]{1,19} ?(B|KiB|MiB|GiB|TiB)"
_SIZE = re.compile(SIZE_PATTERN)
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,16}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
_SIZE_KEY = re.compile(r"_bytes$")

Built = TypeVar("Built")


@dataclasses.dataclass(frozen=True, slots=True)
class Builder:
    """Builds values from nodes; `places` is filled with the place of every key met, by its path."""

    places: dict[str, Place] = dataclasses.field(default_factory=dict)

    def build(self, node: Node, kind: type[Built], path: str) -> Built:
        """Returns a dataclass of type `kind`.

        Raises:
            SpecError: a key is unknown, missing or repeated, or a value is of the wrong type.
        """
        names = [item.name for item in dataclasses.fields(kind)]  # type: ignore[arg-type]
        if not isinstance(node, MappingNode):
            raise self._place(node, path).error(f"expected keys ({', '.join(names)}), found {shown(node)}")
        hints = get_type_hints(kind)
        values: dict[str, object] = {}
        for name, child, label in _items(node, path):
            if name not in hints:
                raise place_of(label, path).error(
                    f"expected one of the keys {', '.join(names)}, found {name!r}{_nearest(name, names)}"
                )
            values[name] = self.value(child, hints[name], f"{path}.{name}".lstrip("."), label)
        for item in dataclasses.fields(kind):  # type: ignore[arg-type]
            if item.name not in values and item.default is item.default_factory is dataclasses.MISSING:
                sentence = item.metadata.get("doc", "")
                raise self._place(node, path).error(
                    f"expected the key {item.name!r}, found none. It is required: {sentence}."
                )
        return kind(**values)

    def value(self, node: Node, kind: object, path: str, label: Node) -> object:
        """Returns the value of `node` as `kind`; `label` is the node that messages point at."""
        self.places[path] = place = place_of(label, path)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in {Union, types.UnionType}:
            if _is_null(node) and types.NoneType in arguments:
                return None
            return self.value(node, _member(node, arguments), path, label)
        if origin is dict:
            if not isinstance(node, MappingNode):
                raise place.error(f"expected names with keys below them, found {shown(node)}")
            return {
                name: self.value(child, arguments[1], f"{path}.{name}", key) for name, child, key in _items(node, path)
            }
        if origin is tuple:
            if not isinstance(node, SequenceNode):
                hint = f". Write [{node.value}]." if isinstance(node, ScalarNode) and node.value else ""
                raise place.error(f"expected a list, found {shown(node)}{hint}")
            items = enumerate(node.value)
            return tuple(self.value(child, arguments[0], f"{path}[{index}]", child) for index, child in items)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return self.build(node, kind, path)
        return _scalar(node, kind, place)

    def _place(self, node: Node, path: str) -> Place:
        return self.places.get(path) or place_of(node, path)


def _member(node: Node, arguments: tuple[object, ...]) -> object:
    """Returns which type of a union a node should be of: a list where it may be one and is, else the first."""
    lists = [item for item in arguments if get_origin(item) is tuple]
    others = [item for item in arguments if item is not types.NoneType and item not in lists]
    return (lists if isinstance(node, SequenceNode) and lists else others or lists)[0]


def shown(node: Node | None) -> str:
    """Returns what a message calls the content of a node."""
    if node is None or _is_null(node):
        return "nothing"
    if isinstance(node, ScalarNode):
        return repr(node.value)
    return "keys" if isinstance(node, MappingNode) else "a list"


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == f"{TAG}null"


def _items(node: MappingNode, path: str) -> Iterator[tuple[str, Node, Node]]:
    """Yields (key, value, node of the key)."""
    seen: set[str] = set()
    for label, child in node.value:
        if not isinstance(label, ScalarNode) or label.tag != f"{TAG}str":
            raise place_of(label, path).error(f"expected a key that is text, found {shown(label)}. Quote it.")
        if label.value in seen:
            raise place_of(label, path).error(f"expected each key once, found {label.value!r} twice")
        seen.add(label.value)
        yield label.value, child, label


def _scalar(node: Node, kind: object, place: Place) -> object:
    parsed = _parsed(node, kind, is_size=bool(_SIZE_KEY.search(place.path)))
    if parsed is None:
        raise place.error(f"expected {expected(kind, place.path)}, found {shown(node)}{_hint(node, kind)}")
    return parsed


def _parsed(node: Node, kind: object, *, is_size: bool) -> object:
    """Returns the value of a scalar as `kind`, None when it is not one."""
    if not isinstance(node, ScalarNode):
        return None
    tag, text = str(node.tag).removeprefix(TAG), str(node.value)
    if kind is int:
        return _integer(tag, text, is_size=is_size)
    if kind is float:
        return _float(tag, text)
    if kind is bool:
        return text.lower() == "true" if tag == "bool" else None
    return text if tag == "str" and (kind is str or text in get_args(kind)) else None


def _integer(tag: str, text: str, *, is_size: bool) -> int | None:
    if is_size and tag == "str" and (size := _SIZE.fullmatch(text)):
        return int(text.removesuffix(size[1])) * UNITS[size[1]]
    if tag != "int":
        return None
    return int(text) if _INTEGER.fullmatch(text) else int(text, 16) if _HEX.fullmatch(text) else None


def _float(tag: str, text: str) -> float | None:
    if tag not in {"int", "float"} or not _NUMBER.fullmatch(text):
        return None
    return float(text) if math.isfinite(float(text)) else None


def _hint(node: Node, kind: object) -> str:
    if not isinstance(node, ScalarNode) or _is_null(node):
        return ""
    text = node.value
    if kind is float and (percent := _PERCENT.fullmatch(text)):
        return f". Write {float(percent[1]) / 100:g}."
    if kind in {int, float} and node.tag == f"{TAG}str" and _NUMBER.fullmatch(text):
        return f". Write {text} without quotes."
    if kind is str:
        return f". Write '{text}'."
    if kind is bool and text.lower() in {"yes", "on", "no", "off"}:
        return f". Write {'true' if text.lower() in {'yes', 'on'} else 'false'}."
    return _nearest(text, [str(item) for item in get_args(kind)])


def _nearest(found: str, known: list[str]) -> str:
    close = difflib.get_close_matches(found, known, n=1)
    return f". Write {close[0]}." if close else ""
