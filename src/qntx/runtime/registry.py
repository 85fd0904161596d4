"""The handlers of an application, by name."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from qntx.errors import BadInput, UnknownHandler
from qntx.model.job import JobRequest
from qntx.model.retry import Backoff, RetryPolicy
from qntx.model.schedule import DeclaredSchedule, NewSchedule
from qntx.model.timing import parse_timing
from qntx.runtime.codes import Codes

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered handler: the code, the type of its payload, and how it is retried."""

    name: str
    function: Callable[..., Any]
    payload_type: Any
    aliases: tuple[str, ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    #: A job that runs longer is asked to stop, then stopped; None: it may take its time.
    timeout_s: float | None = None
    #: Its calls cost money or are rationed: the gates of `runtime.gates` hold it back.
    metered: bool = False

    @property
    def is_async(self) -> bool:
        """Whether the code is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)

    def payload(self, data: Any) -> Any:
        """
        *data* (what JSON decodes to) as the type that the handler declares.

        Raises BadInput with the field that does not fit.
        """
        kind = self.payload_type
        if kind is None or _is_one(data, kind):
            return data
        try:
            return msgspec.convert(data, kind, dec_hook=_validated)
        except (msgspec.ValidationError, ValueError) as error:
            raise BadInput(
                f"the payload does not fit handler {self.name!r}: {_fault(error)} - "
                f"it takes {getattr(kind, '__name__', kind)}"
            ) from None

    def plain(self, data: Any) -> Any:
        """
        *data*, checked against the type that the handler declares, as JSON can say it.

        Raises BadInput for what does not fit, and for what JSON cannot say.
        """
        payload = self.payload(data)
        try:
            plain = msgspec.to_builtins(payload, enc_hook=_dumped)
            stored = msgspec.json.encode(plain)
        except (TypeError, ValueError, RecursionError) as error:
            raise BadInput(
                f"the payload for handler {self.name!r} cannot be stored: {error} - "
                "use what JSON can say, or a type that the handler declares"
            ) from None
        if self.payload_type is not None:
            # An object was not checked when it was made, and JSON has no NaN: as a worker sees it.
            self.payload(msgspec.json.decode(stored))
        return plain


class Registry:
    """Names and the handlers behind them; names are unique, so are aliases."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        #: Schedules that are kept in code; the server creates, changes and withdraws them.
        self.schedules: list[DeclaredSchedule] = []
        #: What resolves ATS code.
        self.codes = Codes()

    def handler(self, name: str, **options: Any) -> Callable[[F], F]:
        """
        Register the decorated function or class under *name*.

        A function takes (context, payload) and may be async; a class is made once per attempt
        (with no arguments) and has such a method ``run``. *options* are those of :func:`describe`.
        """

        def register(code: F) -> F:
            self.add(describe(name, code, **options))
            return code

        return register

    def add(self, handler: Handler) -> None:
        """Register *handler*; raises BadInput when its name or an alias is taken."""
        for name in (handler.name, *handler.aliases):
            taken = self._handlers.get(name)
            if taken is not None and taken.function is not handler.function:
                raise BadInput(
                    f"a handler named {name!r} is registered already ({taken.function!r}) - "
                    "choose another name"
                )
        for name in (handler.name, *handler.aliases):
            self._handlers[name] = handler

    def include(self, other: Registry) -> None:
        """Register every handler and schedule of *other* here, too; doing it again adds nothing."""
        for handler in other:
            self.add(handler)
        self.schedules += [one for one in other.schedules if one not in self.schedules]
        self.codes.include(other.codes)

    def schedule(self, key: str, when: str, handler: str, payload: Any = None, **more: Any) -> None:
        """
        Declare that *handler* runs *when* (``every 6h``, ``0 9 * * 1-5``, a time).

        *key* tells the schedule from the others over changes of the code; *more* are fields of
        `NewSchedule`, such as ``time_zone`` and ``overlap``. Raises BadInput.
        """
        new = NewSchedule(handler_name=handler, payload=payload, **{**parse_timing(when), **more})
        self.schedules.append(DeclaredSchedule(key=key, schedule=new))

    def get(self, name: str) -> Handler:
        """The handler called *name* (or with that alias); raises UnknownHandler."""
        found = self._handlers.get(name)
        if found is None:
            known = ", ".join(self.names()) or "none"
            raise UnknownHandler(f"there is no handler {name!r} - registered are: {known}")
        return found

    def request(self, handler_name: str, payload: Any = None, **options: Any) -> JobRequest:
        """
        A checked request for a job; *options* are the fields of `JobRequest`.

        Raises UnknownHandler, or BadInput that says what is wrong with the payload or an option.
        """
        handler = self.get(handler_name)
        options.setdefault("max_attempts", handler.retry.max_attempts)
        return request_of(handler.name, handler.plain(payload), options)

    def names(self) -> list[str]:
        """The names of all handlers, without aliases, sorted."""
        return sorted({handler.name for handler in self._handlers.values()})

    def __iter__(self) -> typing.Iterator[Handler]:
        return iter({id(h): h for h in self._handlers.values()}.values())

    def __contains__(self, name: str) -> bool:
        return name in self._handlers


def request_of(handler_name: str, payload: Any, options: dict[str, Any]) -> JobRequest:
    """The request that these are, whether or not the handler is known; raises BadInput."""
    fields = {"source": handler_name, **options, "handler_name": handler_name, "payload": payload}
    try:
        return msgspec.convert(fields, JobRequest)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"a job for {handler_name!r} cannot be asked for like that: {error} - "
            "see the fields of JobRequest"
        ) from None


def describe(
    name: str,
    code: Callable[..., Any],
    *,
    aliases: Sequence[str] = (),
    max_attempts: int = 1,
    retry_on: type[BaseException] | Sequence[type[BaseException]] = (),
    backoff: Backoff | None = None,
    max_crashes: int = 3,
    timeout_s: float | None = None,
    metered: bool = False,
) -> Handler:
    """
    A `Handler` for *code*; raises BadInput for options that make no sense.

    *retry_on* names the exceptions worth a retry (default: all but programming errors),
    *timeout_s* how many seconds one attempt may take.
    """
    if max_attempts < 1:
        raise BadInput(f"handler {name!r}: max_attempts is {max_attempts}, it must be at least 1")
    if timeout_s is not None and timeout_s <= 0:
        raise BadInput(f"handler {name!r}: timeout_s is {timeout_s}, it must be above 0")
    kinds = (retry_on,) if isinstance(retry_on, type) else tuple(retry_on)
    policy = RetryPolicy(max_attempts, kinds, backoff or Backoff(), max_crashes)
    function = _method_of(code) if isinstance(code, type) else code
    body = _code_of(function)
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise BadInput(f"handler {name!r} has a yield: nothing would run it - return a result")
    return Handler(
        name, function, payload_type(function), tuple(aliases), policy, timeout_s, metered
    )


def _validated(kind: Any, data: Any) -> Any:
    """*data* as a pydantic model, wherever in a payload it stands."""
    if hasattr(kind, "model_validate"):
        return kind.model_validate(data)
    raise TypeError(f"Expected `{getattr(kind, '__name__', kind)}`, got `{type(data).__name__}`")


def _dumped(model: Any) -> Any:
    """A pydantic model in the form that is read again: with aliases, without what is computed."""
    if hasattr(model, "model_dump"):
        return model.model_dump(mode="json", by_alias=True, round_trip=True)
    raise TypeError(f"JSON has nothing like {type(model).__name__}")


def _fault(error: Exception) -> str:
    """What does not fit, in one line; pydantic tells a story of several."""
    errors = getattr(error.__cause__, "errors", None)
    if not callable(errors):
        return str(error)
    _, _, place = str(error).partition(" - at `$.")
    before = [place.rstrip("`")] if place else []
    return "; ".join(
        f"{item['msg']} (at {'.'.join([*before, *map(str, item['loc'])]) or 'the top'})"
        for item in errors()[:5]
    )


def _method_of(kind: type) -> Callable[..., Any]:
    """A class's ``run`` as a function of (context, payload); an instance is made per attempt."""
    run = getattr(kind, "run", None)
    if run is None:
        raise BadInput(f"handler class {kind.__name__} has no method run(self, context, payload)")
    if inspect.iscoroutinefunction(run):

        @functools.wraps(run)
        async def call_async(context: Any, payload: Any) -> Any:
            return await kind().run(context, payload)

        return call_async

    @functools.wraps(run)
    def call(context: Any, payload: Any) -> Any:
        return kind().run(context, payload)

    return call


def payload_type(function: Callable[..., Any]) -> Any:
    """
    What the second parameter of a handler is annotated with; None when with nothing.

    Raises BadInput for a name that is not there when the program runs: nothing could be checked.
    """
    names = [n for n in inspect.signature(function).parameters if n != "self"]
    if len(names) < 2:
        return None
    code = _code_of(function)
    # Only this one is looked up: the others may be there for a type checker alone.
    wanted = types.SimpleNamespace(
        __annotations__={names[1]: inspect.get_annotations(code).get(names[1])}
    )
    try:
        found = typing.get_type_hints(wanted, getattr(code, "__globals__", None))[names[1]]
    except NameError as error:
        raise BadInput(
            f"the payload of handler {code.__qualname__} cannot be checked: {error} - define or "
            "import its type at the top of the module, not only for the type checker"
        ) from None
    return None if found in (type(None), Any, dict, object) else found


def _code_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the annotations of *function* are: within a wrapper, a partial or a callable object."""
    code = inspect.unwrap(function)
    if isinstance(code, functools.partial):
        return _code_of(code.func)
    return code if inspect.isroutine(code) else _code_of(type(code).__call__)


def _is_one(data: Any, kind: Any) -> bool:
    """Whether *data* is an object of the type *kind* already."""
    return isinstance(kind, type) and not typing.is_typeddict(kind) and isinstance(data, kind)
