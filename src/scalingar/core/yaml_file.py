"""Reading YAML 1.2, as its core schema has it: ``16:9`` and ``yes`` are text, ``010`` is ten, a key is there once.

PyYAML reads YAML 1.1, whose numbers to base 60, octals, dates and further words for true and false change what people
write. Parsing and escaping are PyYAML's; what a scalar means is decided here.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from scalingar.core.errors import ConfigError, sentence
from scalingar.core.text_file import read_text, reason

LONGEST = 500_000
"""Characters of a document."""
LARGEST = 20_000
"""Values in it, once its aliases are written out."""
DEEPEST = 50
"""Levels of nesting."""

_TAG = "tag:yaml.org,2002:"
_PLAIN: tuple[tuple[str, str, list[str | None]], ...] = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
)
"""Tag, pattern and first letters of what is not text, in the order in which they are tried."""


class WrittenInt(int):
    """An integer that was not written as Python would write it; text takes it as it was written."""

    written: str


class WrittenFloat(float):
    """A number that was not written as Python would write it; text takes it as it was written."""

    written: str


def as_written(value: Any) -> Any:
    """A number of a YAML document as the text that stood there; other values as they are."""
    return value.written if isinstance(value, WrittenInt | WrittenFloat) else value


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, within bounds."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own way
    yaml_constructors: dict[Any, Any] = {}  # type: ignore[misc]  # noqa: RUF012

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """As PyYAML does, counting levels, and values with aliases written out."""
        self._depth += 1
        try:
            if self._depth > DEEPEST:
                raise self._wrong(f"it is nested in more than {DEEPEST} levels", self.peek_event())
            before = self.peek_event()
            node = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        if node is not None and isinstance(before, yaml.AliasEvent) and id(node) not in self._sizes:
            raise self._wrong(f"{before.anchor!r} stands inside itself", before)
        if node is not None and id(node) not in self._sizes:
            self._sizes[id(node)] = size = 1 + sum(self._sizes[id(child)] for child in _children(node))
            if size > LARGEST:
                raise self._wrong(f"it holds more than {LARGEST} values", node)
        return node

    def mapping(self, node: MappingNode) -> dict[Any, Any]:
        """A dictionary. Raises YAMLError for a key that is there twice, or is no scalar."""
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise self._wrong("a key is a list or a section", key_node)
            if key in result:
                raise self._wrong(f"{key!r} is there twice", key_node)
            result[key] = self.construct_object(value_node, deep=True)
        return result

    def sequence(self, node: SequenceNode) -> list[Any]:
        """A list."""
        return [self.construct_object(value, deep=True) for value in node.value]

    def text(self, node: ScalarNode) -> str:
        """The scalar as it is written."""
        return str(self.construct_scalar(node))

    def integer(self, node: ScalarNode) -> int:
        """Decimal, ``0o17`` or ``0xf``."""
        text = self.text(node)
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        try:
            number = int(text, base)
        except ValueError:
            raise self._wrong(f"{text[:40]!r} is no integer that can be read", node) from None
        return number if str(number) == text else _written(WrittenInt(number), text)

    def number(self, node: ScalarNode) -> float:
        """Also ``.inf`` and ``.nan``, which settings refuse."""
        text = self.text(node)
        try:
            number = float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        except ValueError:
            raise self._wrong(f"{text[:40]!r} is no number", node) from None
        return number if str(number) == text else _written(WrittenFloat(number), text)

    def truth(self, node: ScalarNode) -> bool:
        """True or false."""
        text = self.text(node).lower()
        if text not in ("true", "false"):
            raise self._wrong(f"{text[:40]!r} is neither true nor false", node)
        return text == "true"

    def nothing(self, node: ScalarNode) -> None:
        """Null."""

    def foreign(self, node: Node) -> Any:
        """A tag such as ``!!python/name``. Raises YAMLError."""
        raise self._wrong(f"{node.tag!r} is no kind of value that can be set", node)

    @staticmethod
    def _wrong(problem: str, at: Any) -> yaml.YAMLError:
        return yaml.constructor.ConstructorError(None, None, problem, at.start_mark)


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, CollectionNode) else []


def _written(number: Any, text: str) -> Any:
    number.written = text
    return number


class _Dumper(yaml.SafeDumper):
    """Puts what either version would not take for text in quotes."""


for _kind, _pattern, _first in _PLAIN:
    _Dumper.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)
for _kind, _construct in {
    "null": _Loader.nothing,
    "bool": _Loader.truth,
    "int": _Loader.integer,
    "float": _Loader.number,
    "str": _Loader.text,
    "seq": _Loader.sequence,
    "map": _Loader.mapping,
}.items():
    _Loader.add_constructor(_TAG + _kind, cast(Any, _construct))
_Loader.add_constructor(None, _Loader.foreign)


def parse_yaml(text: str) -> Any:
    """The value of a YAML 1.2 document. Raises ValueError, which says what is wrong and where."""
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST} characters")
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise ValueError(", ".join(filter(None, (error.context, error.problem))) + line) from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def read_yaml(path: str | Path, kind: str) -> Any:
    """The content of a YAML file; ``kind`` names what it should hold. Raises ConfigError if it cannot be read."""
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(f"cannot read the {kind} {path}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"{path} is no YAML: {reason(error)}.") from None
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{path} is no YAML: {sentence(error)}") from None


def dump_yaml(data: Any, *, ascii_only: bool = False) -> str:
    """Plain values in a form that readers of YAML 1.1 and 1.2 both take for the same; sections in their order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=not ascii_only)
    # Plain, YAML would take the old "next line" for an end of line.
    return dump_yaml(data, ascii_only=True) if "\x85" in text else text
