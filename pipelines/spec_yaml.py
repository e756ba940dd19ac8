"""The YAML of specs: 1.2 without anchors, aliases, tags or repeated keys, as nodes that know their place.

YAML 1.2 (https://yaml.org/spec/1.2.2/): `no` is text and `012` is twelve. Anchors are refused because aliases of
aliases grow without bound; tags, because they name types.
"""

import io
import re
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from curation.errors import SpecError

TAG = "tag:yaml.org,2002:"
VERSION = (1, 2)
MAX_DEPTH = 32
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key or value stands; lines and columns count from 1, and `path` is its dotted key."""

    file: str
    line: int
    column: int
    path: str

    def error(self, message: str) -> SpecError:
        """Returns the error `file:line:column: path: message`."""
        where = f"{self.path}: " if self.path else ""
        return SpecError(f"{self.file}:{self.line}:{self.column}: {where}{message}")


def place_of(node: Node, path: str) -> Place:
    """Returns the place where `node` begins."""
    mark = node.start_mark
    return Place(mark.name, mark.line + 1, mark.column + 1, path)


class _Source(io.StringIO):
    """Text with the name that marks in it carry."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name = name


def compose(text: str, *, name: str) -> Node | None:
    """Returns the root node of one YAML document, None when it is empty.

    Args:
        text: the document.
        name: what messages call it.

    Raises:
        SpecError: it is not YAML 1.2, or has anchors, aliases, tags, a directive, or more than `MAX_DEPTH` levels.
    """
    try:
        _check_events(text, name)
        return _parser().compose(_Source(text, name))  # type: ignore[no-any-return]
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"{name}{where}: expected YAML 1.2, found an error: {problem}") from None


def _parser() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = VERSION
    return yaml


def _check_events(text: str, name: str) -> None:
    depth = 0
    for event in _parser().parse(_Source(text, name)):
        mark = event.start_mark
        place = Place(name, mark.line + 1, mark.column + 1, "")
        kind = type(event).__name__
        depth += kind.endswith(("MappingStartEvent", "SequenceStartEvent"))
        depth -= kind.endswith(("MappingEndEvent", "SequenceEndEvent"))
        if depth > MAX_DEPTH:
            raise place.error(f"expected at most {MAX_DEPTH} levels, found more")
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            raise place.error("expected no anchors or aliases; repeat the value")
        if getattr(event, "tag", None) is not None:
            raise place.error(f"expected no tags, found {event.tag!s}; leave it out")
        if isinstance(event, DocumentStartEvent) and (event.version not in (None, VERSION) or event.tags):
            raise place.error("expected YAML 1.2 without directives; leave the line that begins with % out")


def override(root: MappingNode, setting: str) -> None:
    """Puts the value of `key=value` into the tree, as `--set` does.

    Args:
        root: changed in place. Keys on the way that are missing or null are made.
        setting: a dotted key, list items as `rules[0]`, and a YAML value.

    Raises:
        SpecError: it is not of that form, or leads into something that has no keys.
    """
    key, equals, value = setting.partition("=")
    steps = [name if name else int(index) for name, index in _STEP.findall(key)]
    if not equals or not steps or not isinstance(steps[0], str):
        raise SpecError(f"--set {setting}: expected key=value, for example limits.max_bad_fraction=0.2")
    new = compose(value, name=f"--set {setting}")
    if new is None:
        new = compose("''", name=f"--set {setting}")
    assert new is not None, "a quoted text is a node"
    node: Node = root
    for position, step in enumerate(steps[:-1]):
        node = _child(node, step, steps[position + 1], new, setting)
    _child(node, steps[-1], None, new, setting)


def _child(node: Node, step: str | int, following: str | int | None, new: Node, setting: str) -> Node:
    """Returns the child `step` of `node`: `new` in its place when nothing follows, made when keys are to come."""
    if isinstance(step, int):
        if not isinstance(node, SequenceNode) or step >= len(node.value):
            raise SpecError(f"--set {setting}: expected a list with an item [{step}], found none")
        if following is None:
            node.value[step] = new
        child: Node = node.value[step]
        return child
    if not isinstance(node, MappingNode):
        raise SpecError(f"--set {setting}: expected keys where {step!r} is to be, found none")
    found = next((value for label, value in node.value if label.value == step), None)
    if following is not None and isinstance(found, MappingNode | SequenceNode):
        return found
    child = new
    if isinstance(following, str):
        child = MappingNode(f"{TAG}map", [], start_mark=new.start_mark, end_mark=new.end_mark)
    label = ScalarNode(f"{TAG}str", step, start_mark=new.start_mark, end_mark=new.end_mark)
    places = [label.value for label, _ in node.value]
    if step in places:
        node.value[places.index(step)] = (label, child)
    else:
        node.value.append((label, child))
    return child
