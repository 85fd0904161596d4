"""Templates (t-strings) where text is expected: stored as the text they stand for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.recorded_runs import Recorded

Recorder = Callable[..., Recorded]

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings came with 3.14")

log = logging.getLogger("templates")


class Broken:
    def __format__(self, spec: str) -> str:
        raise RuntimeError("no format")


#: Written as text, for Pythons that cannot read them; *u* is a user's name, *n* a number.
TEMPLATES = {
    't"user {u!r} has {n:05.1f} of {n}"': "user 'ada' has 007.0 of 7",
    't"no parts"': "no parts",
    't""': "",
    't"{u}{n}"': "ada7",
    """t"{t'inner {u}'}!\"""": "inner ada!",
    't"{{{u:>5}}}"': "{  ada}",
    't"{broken} and {u}"': "{broken} and ada",
}
WAYS: dict[str, Callable[[Any, Any], None]] = {
    "emitter": lambda emit, template: emit.info(template),
    "emitter, another level": lambda emit, template: emit.warn(template),
    "the original interface": lambda emit, template: emit.emit_info(template),
    "logging": lambda emit, template: log.info(template),
}


def made(text: str) -> Any:
    return eval(text, {"u": "ada", "n": 7, "broken": Broken(), "s": "ghp_" + "a1B2" * 9})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", TEMPLATES)
def test_a_template_as_message_is_its_text(recorded: Recorder, way: str, text: str) -> None:
    template = made(text)
    run = recorded(lambda ctx, _: WAYS[way](ctx.emit, template))
    assert run.outcome.status == "completed"
    (line,) = said(run)
    assert line.message == TEMPLATES[text]


def said(run: Recorded) -> list[Any]:
    return [line for line, _ in run.lines if line.source in ("emitter", "logging")]


def test_the_values_in_a_template_are_fields_of_the_line(recorded: Recorder) -> None:
    template = made('t"user {u} has {n + 1}"')

    def handler(ctx: Any, _: Any) -> None:
        ctx.emit.info(template, more=1)
        log.info(template, extra={"more": 1})

    for line in said(recorded(handler)):
        assert line.message == "user ada has 8"
        assert line.metadata == {"u": "ada", "n + 1": 8, "more": 1}


def test_a_template_in_metadata_is_its_text(recorded: Recorder) -> None:
    template = made('t"user {u}"')

    def handler(ctx: Any, _: Any) -> None:
        ctx.emit.info("a", one=template, many=[template, {"deep": template}])

    (line,) = said(recorded(handler))
    assert line.metadata == {"one": "user ada", "many": ["user ada", {"deep": "user ada"}]}


def test_what_is_secret_in_a_template_is_masked(recorded: Recorder) -> None:
    template = made('t"key {s}"')

    def handler(ctx: Any, _: Any) -> None:
        ctx.emit.info(template)
        log.info(template)

    for line in said(recorded(handler)):
        assert "a1B2" not in line.message + repr(line.metadata)
