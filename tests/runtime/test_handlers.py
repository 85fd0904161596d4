"""Handlers in every form: functions and classes, sync and async, payloads of every kind."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

import qntx
from qntx.app import App
from qntx.builtin import built_in_app
from qntx.errors import BadInput, UnknownHandler
from qntx.runtime.registry import Registry
from tests.support.indexer_thread import indexer_in_a_thread


@pytest.fixture(autouse=True, scope="module")
def indexer() -> Iterator[None]:
    """What is indexed is the same whoever does it."""
    with indexer_in_a_thread():
        yield


class Struct(msgspec.Struct):
    number: int
    words: list[str] = []


@dataclasses.dataclass
class Data:
    number: int
    words: list[str] = dataclasses.field(default_factory=list)


class Model(pydantic.BaseModel):
    number: int = pydantic.Field(ge=0)
    words: list[str] = []


class Named(pydantic.BaseModel):
    """What it is stored as has other fields than the object."""

    model_config = pydantic.ConfigDict(extra="forbid")
    url: str = pydantic.Field(alias="jobUrl")

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        return len(self.url)


class Keys(TypedDict):
    number: int


KINDS = [Struct, Data, Model]


def made(home: Path, kind: Any, form: str) -> App:
    """An application whose handler takes *kind*, in one of four forms."""
    app = App(home=home, capture={"descriptors": False})

    def function(ctx: qntx.JobContext, payload: Any) -> dict[str, Any]:
        return {"type": type(payload).__name__, "number": payload.number, "words": payload.words}

    async def coroutine(ctx: qntx.JobContext, payload: Any) -> dict[str, Any]:
        return function(ctx, payload)

    class Class:
        def run(self, ctx: qntx.JobContext, payload: Any) -> dict[str, Any]:
            return function(ctx, payload)

    class AsyncClass:
        async def run(self, ctx: qntx.JobContext, payload: Any) -> dict[str, Any]:
            return function(ctx, payload)

    forms: dict[str, Any] = {
        "function": function,
        "coroutine": coroutine,
        "class": Class,
        "async class": AsyncClass,
    }
    code = forms[form]
    (code.run if isinstance(code, type) else code).__annotations__["payload"] = kind
    app.handler("test.form")(code)
    return app


@pytest.mark.parametrize("form", ["function", "coroutine", "class", "async class"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_runs_with_every_kind_of_payload(tmp_path: Path, kind: Any, form: str) -> None:
    app = made(tmp_path / "home", kind, form)
    assert app.registry.get("test.form").is_async == ("async" in form or form == "coroutine")
    job_id, outcome = app.run("test.form", {"number": 3, "words": ["é"]})
    expected = {"type": kind.__name__, "number": 3, "words": ["é"]}
    assert (outcome.status, outcome.result) == ("completed", expected)
    assert app.store.jobs.get(job_id).result == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_is_checked_and_completed_when_it_is_enqueued(tmp_path: Path, kind: Any) -> None:
    app = made(tmp_path / "home", kind, "function")
    for payload in ({"number": 3}, kind(number=3)):
        job_id = app.enqueue("test.form", payload)
        assert app.store.jobs.get(job_id).payload == {"number": 3, "words": []}
    for wrong in ({}, {"number": "x"}, {"number": 1, "words": 3}, 7, None):
        with pytest.raises(BadInput, match=rf"handler 'test\.form'.*{kind.__name__}") as caught:
            app.enqueue("test.form", wrong)
        assert "\n" not in str(caught.value)
    assert app.store.jobs.counts()["queued"] == 2


def test_the_faults_of_a_pydantic_payload_are_named_with_their_places(tmp_path: Path) -> None:
    app = made(tmp_path / "home", Model, "function")
    with pytest.raises(
        BadInput, match=r"greater than or equal to 0 \(at number\).*\(at words\.1\)"
    ):
        app.enqueue("test.form", {"number": -1, "words": ["a", 2]})


@pytest.mark.parametrize(
    ("kind", "payload", "wrong", "where"),
    [
        (Model | None, {"number": 1, "words": []}, {"number": -1}, "number"),
        (Model | None, None, 7, "the top"),
        (list[Model], [{"number": 1, "words": []}], [{"number": "x"}], "number"),
    ],
)
def test_a_pydantic_model_within_another_type(
    tmp_path: Path, kind: Any, payload: Any, wrong: Any, where: str
) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})
    seen: list[Any] = []

    def handler(ctx: qntx.JobContext, payload: Any) -> None:
        seen.extend(payload if isinstance(payload, list) else [payload])

    handler.__annotations__["payload"] = kind
    app.handler("test.within")(handler)
    job_id, outcome = app.run("test.within", payload)
    assert (outcome.status, app.store.jobs.get(job_id).payload) == ("completed", payload)
    assert all(one is None or isinstance(one, Model) for one in seen)
    with pytest.raises(BadInput, match=rf"{where}\)") as caught:
        app.enqueue("test.within", wrong)
    assert "\n" not in str(caught.value)


def for_a_type_checker(ctx: OnlyForTheTypeChecker, payload: Struct) -> int:  # type: ignore[name-defined] # noqa: F821
    return payload.number


def unknown(ctx: qntx.JobContext, payload: OnlyForTheTypeChecker) -> None:  # type: ignore[name-defined] # noqa: F821
    pass


class Callable_:
    def __call__(self, ctx: qntx.JobContext, payload: Struct) -> int:
        return payload.number


@pytest.mark.parametrize(
    "handler", [for_a_type_checker, functools.partial(for_a_type_checker), Callable_()]
)
def test_a_payload_is_checked_whatever_else_is_annotated(tmp_path: Path, handler: Any) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})
    app.handler("t.h")(handler)
    with pytest.raises(BadInput, match="number"):
        app.enqueue("t.h", {"number": "three"})
    _, outcome = app.run("t.h", {"number": 3})
    assert outcome.result == 3


#: A module as people write them since annotations are no longer evaluated where they stand.
LATE_ANNOTATIONS = """
import dataclasses
from typing import TYPE_CHECKING

import msgspec
import pydantic
from qntx.app import App

if TYPE_CHECKING:
    from datetime import date
    from qntx import JobContext


def handlers(app):
    @app.handler("late")
    def late(ctx: JobContext, report: Later) -> int:
        return report.number

    @app.handler("late.class")
    class Class:
        async def run(self, ctx: JobContext, report: Later | None) -> int:
            return report.number

    @app.handler("late.model")
    def late_model(ctx: JobContext, reports: list[LaterModel]) -> int:
        return reports[0].number

    @app.handler("never")
    def never(ctx: JobContext, day: date) -> int:
        return 1

    @app.handler("never.within")
    def never_within(ctx: JobContext, payload: Within) -> int:
        return 1


class Later(msgspec.Struct):
    number: int
    parts: list[Later] = []


class LaterModel(pydantic.BaseModel):
    number: int


@dataclasses.dataclass
class Within:
    day: date
"""


@pytest.fixture(params=["strings", "deferred"])
def late(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    """The handlers of LATE_ANNOTATIONS, with annotations by PEP 563 or by PEP 649."""
    if request.param == "deferred" and sys.version_info < (3, 14):
        pytest.skip("annotations are deferred from Python 3.14 on")
    first = "from __future__ import annotations\n" if request.param == "strings" else ""
    module = types.ModuleType("late_annotations")
    sys.modules[module.__name__] = module
    try:
        exec(compile(first + LATE_ANNOTATIONS, "late.py", "exec", dont_inherit=True), vars(module))
        app = App(home=tmp_path / "home", capture={"descriptors": False})
        module.handlers(app)
        yield app
    finally:
        del sys.modules[module.__name__]


def test_a_payload_type_may_be_defined_below_the_handler(late: App) -> None:
    for name, payload in (
        ("late", {"number": 3, "parts": [{"number": 1}]}),
        ("late.class", {"number": 3}),
        ("late.model", [{"number": 3}]),
    ):
        _, outcome = late.run(name, payload)
        assert (outcome.status, outcome.result) == ("completed", 3), outcome.error
        with pytest.raises(BadInput, match="the payload does not fit handler"):
            late.enqueue(name, {"number": "three"})


def test_a_payload_type_that_is_not_there_is_named_with_handler_and_parameter(late: App) -> None:
    with pytest.raises(BadInput, match=r"handler 'never'.*parameter 'day'.*'date' is not defined"):
        late.enqueue("never", {})
    with pytest.raises(BadInput, match=r"handler 'never\.within'.*a field of Within.*'date'"):
        late.enqueue("never.within", {"day": "2026-01-01"})
    with pytest.raises(BadInput, match="at the top of the module, not only under TYPE_CHECKING"):
        late.run("never", {})


def test_a_payload_whose_type_is_not_there_is_refused_when_there_is_one(tmp_path: Path) -> None:
    app = App(home=tmp_path / "home")
    app.handler("t.h")(unknown)
    with pytest.raises(BadInput, match="'OnlyForTheTypeChecker' is not defined"):
        app.enqueue("t.h", {})


@pytest.mark.parametrize("payload", [{"jobUrl": "x"}, Named(jobUrl="x")])
def test_a_pydantic_payload_is_stored_as_it_is_read(tmp_path: Path, payload: Any) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})

    @app.handler("t.named")
    def handler(ctx: qntx.JobContext, payload: Named) -> str:
        return payload.url

    job_id, outcome = app.run("t.named", payload)
    assert outcome.result == "x"
    assert app.store.jobs.get(job_id).payload == {"jobUrl": "x"}


def test_a_typed_dict(tmp_path: Path) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})

    @app.handler("t.keys")
    def handler(ctx: qntx.JobContext, payload: Keys) -> int:
        return payload["number"]

    assert app.run("t.keys", {"number": 3})[1].result == 3
    with pytest.raises(BadInput, match="number"):
        app.enqueue("t.keys", {"number": "three"})


@pytest.mark.parametrize(
    "payload",
    [
        Struct(number="three"),
        Data(number="three"),
        Data(number=float("nan")),
    ],
)  # type: ignore[arg-type]
def test_an_object_is_checked_as_well(tmp_path: Path, payload: Any) -> None:
    """Neither a Struct nor a dataclass checks what it is made of."""
    with pytest.raises(BadInput, match="number"):
        made(tmp_path / "home", type(payload), "function").enqueue("test.form", payload)


def test_a_payload_that_json_cannot_say_is_refused(tmp_path: Path) -> None:
    app = App(home=tmp_path / "home")
    app.handler("test.any")(lambda ctx, payload: None)
    with pytest.raises(BadInput, match=r"'test\.any' cannot be stored"):
        app.enqueue("test.any", {"x": object()})


@pytest.mark.parametrize(
    "options",
    [
        {"priority": "high"},
        {"delay_s": float("nan")},
        {"delay_s": float("inf")},
        {"max_attempts": 0},
        {"source": 3},
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    app = App(home=tmp_path / "home")
    app.handler("test.any")(lambda ctx, payload: None)
    with pytest.raises(BadInput, match=r"test\.any"):
        app.enqueue("test.any", **options)
    assert app.store.jobs.counts()["queued"] == 0


def test_an_option_that_there_is_not_is_refused(tmp_path: Path) -> None:
    app = App(home=tmp_path / "home")
    app.handler("test.any")(lambda ctx, payload: None)
    with pytest.raises(TypeError, match="prioritty"):
        app.enqueue("test.any", prioritty=3)  # type: ignore[call-arg]
    assert app.store.jobs.counts()["queued"] == 0


@pytest.mark.parametrize("result", [0, 0.0, False, "", [], {}, None, "0", True])
def test_a_result_is_kept_whatever_it_is(tmp_path: Path, result: Any) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})

    @app.handler("test.returning")
    def returning(ctx: qntx.JobContext, payload: Any) -> Any:
        return result

    job_id, outcome = app.run("test.returning")
    kept = app.store.jobs.get(job_id).result
    assert (kept, type(kept)) == (result, type(result))
    assert outcome.result == result


def test_a_class_is_made_anew_for_each_attempt(tmp_path: Path) -> None:
    app = App(home=tmp_path / "home", capture={"descriptors": False})

    @app.handler("test.counting")
    class Counting:
        def __init__(self) -> None:
            self.calls = 0

        def run(self, ctx: qntx.JobContext, payload: Any) -> int:
            self.calls += 1
            return self.calls

    assert [app.run("test.counting")[1].result for _ in range(2)] == [1, 1]


def test_a_class_without_run_is_refused_where_it_is_declared(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Nothing has no method run"):

        @App(home=tmp_path).handler("test.nothing")
        class Nothing:
            pass


def test_a_generator_is_refused_where_it_is_declared(tmp_path: Path) -> None:
    app = App(home=tmp_path)

    def generator(ctx: qntx.JobContext, payload: Any) -> Iterator[int]:
        yield 1

    async def async_generator(ctx: qntx.JobContext, payload: Any) -> AsyncIterator[int]:
        yield 1

    class Class:
        run = generator

    for code in (generator, async_generator, Class):
        with pytest.raises(BadInput, match=r"'test\.yields' has a yield"):
            app.handler("test.yields")(code)


def test_names_and_aliases_are_unique_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    app = App(home=tmp_path / "home")
    app.handler("test.one", aliases=("uno",))(lambda ctx, payload: None)
    with pytest.raises(BadInput, match="'uno' is registered already"):
        app.handler("uno")(lambda ctx, payload: 1)
    assert app.store.jobs.get(app.enqueue("uno")).handler_name == "test.one"
    with pytest.raises(UnknownHandler, match=r"unknown handler 'dos' - registered are: test\.one"):
        app.enqueue("dos")


# -- discovery -----------------------------------------------------------------------------------


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    found = types.ModuleType("handlers_of_a_test")
    found.registry = Registry()  # type: ignore[attr-defined]
    found.registry.handler("test.found")(lambda ctx, payload: None)  # type: ignore[attr-defined]
    found.other = Registry()  # type: ignore[attr-defined]
    found.other.handler("test.other")(lambda ctx, payload: None)  # type: ignore[attr-defined]
    found.number = 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, found.__name__, found)
    return found


def test_handlers_are_found_by_the_path_of_their_module(
    tmp_path: Path, module: types.ModuleType
) -> None:
    name = module.__name__
    assert App(home=tmp_path).registry.names() == []
    everything, one = App(home=tmp_path), App(home=tmp_path)
    everything.load([name])
    assert everything.registry.names() == ["test.found", "test.other"]
    one.load([f"{name}:other"])
    assert one.registry.names() == ["test.other"]
    for wrong in (f"{name}:number", f"{name}:missing", "no.such.module"):
        with pytest.raises(
            BadInput, match=r"no qntx App, Registry or Application|cannot be imported"
        ):
            App(home=tmp_path).load([wrong])


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Pretend that an installed package declares an entry point."""

    def declare(value: str) -> None:
        point = importlib.metadata.EntryPoint("a-package", value, "qntx.apps")
        points = {point.group: [point]}
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points[group])

    return declare


def test_handlers_of_installed_packages_are_found(
    tmp_path: Path, module: types.ModuleType, declare: Callable[[str], None]
) -> None:
    declare(f"{module.__name__}:registry")
    names = built_in_app(home=tmp_path).registry.names()
    assert "test.found" in names
    assert "shell.command" in names


@pytest.mark.parametrize("value", ["handlers_of_a_test:number", "no.such.module:app"])
def test_an_entry_point_that_is_no_application_is_named(
    tmp_path: Path, module: types.ModuleType, declare: Callable[[str], None], value: str
) -> None:
    declare(value)
    with pytest.raises(BadInput, match=rf"'a-package' = '{value}'"):
        built_in_app(home=tmp_path)
