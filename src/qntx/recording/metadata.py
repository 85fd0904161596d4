"""Metadata of a line as JSON: whatever the caller gave, it never raises and never blocks."""

from __future__ import annotations

import base64
import math
import threading
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import msgspec

from qntx.journal.interrupts import reraise_from_signal
from qntx.recording.templates import is_template, template_text

#: Deeper than this is replaced by a marker.
MAX_METADATA_DEPTH = 64
#: How long the ``repr`` of an unknown object may take, seconds.
REPR_TIMEOUT_S = 0.1
#: Longer representations of unknown objects are cut, visibly.
MAX_REPR = 10_000

#: A value may have as many parts; what is met again, or made up while it is read, counts
#: `REPEATED` times: shared parts multiply when they are unfolded.
MAX_PARTS = 20_000_000
REPEATED = 100
#: So many unfinished reprs of unknown objects, and no more are tried until some return.
MAX_HANGING = 8

encode_tree = msgspec.json.Encoder(decimal_format="string").encode
_INT_LIMIT = 2**63
_hanging: list[threading.Thread] = []


def encode_metadata(metadata: Mapping[str, Any]) -> bytes:
    """
    *metadata* as a JSON object.

    What JSON cannot hold is replaced by ``{"$unstorable": reason, "type": …}``; nothing raises.
    """
    try:
        if all(
            type(k) is str and (type(v) is str or type(v) is bool or v is None)
            for k, v in metadata.items()
        ):
            return encode_tree(metadata)
    except Exception as error:  # noqa: BLE001 - lone surrogates, mappings of user code: see below
        reraise_from_signal(error)
    tree, _ = cleaned(metadata)
    try:
        return encode_tree(tree)
    except Exception as error:  # noqa: BLE001 - a line is stored whatever its metadata does
        reraise_from_signal(error)
        return encode_tree(
            {"metadata": unstorable(metadata, f"{type(error).__name__} on encoding")}
        )


def cleaned(metadata: Mapping[str, Any]) -> tuple[Any, set[str]]:
    """
    A copy of *metadata* that JSON can hold (a tree), and all keys that occur in it.

    What JSON cannot hold is replaced by a marker; nothing raises.
    """
    cleaner = _Cleaner()
    return cleaner.clean(metadata), cleaner.names


def jsonable(value: Any) -> Any:
    """
    *value* as JSON can hold it, with markers for what it cannot; never raises.

    Text stays text: lone surrogates in it are escaped.
    """
    try:
        return _Cleaner(escape=True).clean(value)
    except Exception as error:  # noqa: BLE001 - see encode_metadata
        reraise_from_signal(error)
        return unstorable(value, f"{type(error).__name__} while reading it")


def unstorable(value: object, reason: str, **more: Any) -> dict[str, Any]:
    """The marker that stands for something that cannot be stored."""
    kind = type(value)
    return {"$unstorable": reason, "type": f"{kind.__module__}.{kind.__qualname__}", **more}


class _Cleaner:
    """Copies a value into what JSON can hold."""

    def __init__(self, *, escape: bool = False) -> None:
        self.names: set[str] = set()
        self._above: set[int] = set()
        self._met: set[int] = set()
        self._escape = escape
        self._left = MAX_PARTS
        self._weight = 1

    def clean(self, value: Any, depth: int = 0) -> Any:
        self._left -= self._weight
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind is bool or value is None:
            return value
        if kind is int:
            return value if -_INT_LIMIT <= value < _INT_LIMIT else _big_int(value)
        if kind is float:
            if math.isfinite(value):
                return value
            return unstorable(value, "not a finite number", repr=repr(value))
        try:
            return self._compound(value, depth)
        except Exception as error:  # noqa: BLE001 - user code (properties, iterators) may raise
            reraise_from_signal(error)
            return unstorable(value, f"{type(error).__name__} while reading it")

    def _text(self, value: str) -> Any:
        return _escaped(value) if self._escape else _text(value)

    def _compound(self, value: Any, depth: int) -> Any:
        own = isinstance(value, dict | list | tuple | set | frozenset)
        if not own and not isinstance(value, Mapping) and not _has_fields(value):
            return self._scalar(value, depth)
        identity = id(value)
        if identity in self._above:
            return unstorable(value, "circular reference")
        if depth >= MAX_METADATA_DEPTH:
            return unstorable(value, f"nested deeper than {MAX_METADATA_DEPTH}")
        weight = self._weight
        if identity in self._met or not (own or _has_fields(value)):
            self._weight = REPEATED
        self._above.add(identity)
        self._met.add(identity)
        try:
            if isinstance(value, Mapping):
                return self._mapping(value.items(), value, depth + 1)
            if own:
                return self._sequence(value, depth + 1)
            return self._mapping(_fields(value), value, depth + 1)
        finally:
            self._above.discard(identity)
            self._weight = weight

    def _sequence(self, value: Any, depth: int) -> list[Any]:
        found: list[Any] = []
        for item in value:
            if self._left < 0:
                found.append(unstorable(value, "too large", kept=len(found), parts=len(value)))
                break
            found.append(self.clean(item, depth))
        return found

    def _mapping(self, items: Iterable[tuple[Any, Any]], value: Any, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in items:
            name = _key(key)
            if name in found:
                name = _another(name, key, found)
            if self._left < 0:
                found[name] = unstorable(value, "too large", kept=len(found))
                break
            found[name] = self.clean(item, depth)
        self.names.update(found)
        return found

    def _scalar(self, value: Any, depth: int) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            data = bytes(value)
            return {"$bytes": base64.b64encode(data).decode(), "size": len(data)}
        if isinstance(value, Enum):
            return self.clean(value.value, depth + 1)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, Decimal | UUID | PurePath | timedelta | complex):
            return str(value)
        if isinstance(value, int):
            return self.clean(int(value), depth)
        if isinstance(value, float):
            return self.clean(float(value), depth)
        # Recognised by its type: to look up an attribute of an unknown object may run its code.
        if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
            return self.clean(value.item(), depth + 1)
        if is_template(value):
            return self._text(template_text(value))
        return unstorable(value, "not JSON", repr=_guarded_repr(value))


def _has_fields(value: object) -> bool:
    return isinstance(value, msgspec.Struct) or hasattr(type(value), "__dataclass_fields__")


def _fields(value: Any) -> Iterable[tuple[str, Any]]:
    """Names and values of the fields of a dataclass or struct, whatever else it can do."""
    if isinstance(value, msgspec.Struct):
        return [(name, getattr(value, name)) for name in value.__struct_fields__]
    if hasattr(value, "__dict__"):
        return list(vars(value).items())
    return [(name, getattr(value, name)) for name in type(value).__dataclass_fields__]


def _another(name: str, key: object, taken: Collection[str]) -> str:
    """A name for *key* where one that becomes the same text is *taken* already."""
    name = f"{name} ({type(key).__name__})"
    while name in taken:
        name += "'"
    return name


def _key(key: object) -> str:
    if isinstance(key, str):
        return _escaped(str.__str__(key))
    if isinstance(key, int | float | bool) or key is None:
        return str(key)
    return _guarded_repr(key)


def _text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        escaped = value.encode("utf-8", "backslashreplace").decode()
        return {"$unstorable": "lone surrogates", "type": "builtins.str", "escaped": escaped}
    return value


def _escaped(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()


def _big_int(value: int) -> Any:
    if value.bit_length() <= 14_000:  # below the interpreter's limit of 4,300 digits
        return str(value)
    return unstorable(value, "integer too large", bits=value.bit_length())


def _guarded_repr(value: object) -> str:
    """The repr of an unknown object, made in another thread so that it cannot hold up the job."""
    if type(value).__repr__ is object.__repr__:
        return f"<{type(value).__module__}.{type(value).__qualname__} object>"
    if len(_hanging) >= MAX_HANGING:
        _hanging[:] = [thread for thread in _hanging if thread.is_alive()]
        if len(_hanging) >= MAX_HANGING:
            return "<repr not tried: others still hang>"
    answer: SimpleQueue[str] = SimpleQueue()

    def run() -> None:
        try:
            text = repr(value)
            answer.put(
                text if len(text) <= MAX_REPR else f"{text[:MAX_REPR]}… ({len(text):,} characters)"
            )
        except BaseException as error:  # noqa: BLE001 - user code
            answer.put(f"<repr raised {type(error).__name__}>")

    thread = threading.Thread(target=run, name="qntx-repr", daemon=True)
    thread.start()
    try:
        return str(answer.get(timeout=REPR_TIMEOUT_S))
    except Empty:
        _hanging.append(thread)
        return f"<repr took longer than {REPR_TIMEOUT_S * 1000:.0f} ms>"
