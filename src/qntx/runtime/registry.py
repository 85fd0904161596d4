"""The handlers of an application, by name."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, Unpack

import msgspec

from qntx.errors import BadInput, UnknownHandler
from qntx.model.firing_policy import MissedPolicy, OverlapPolicy
from qntx.model.job import JobRequest
from qntx.model.retry import Backoff, RetryPolicy
from qntx.model.schedule import DeclaredSchedule, NewSchedule
from qntx.model.timing import parse_timing
from qntx.runtime.codes import Codes
from qntx.runtime.context import JobContext
from qntx.runtime.payloads import code_of, dumped, fault, is_one, payload_type, validated
from qntx.runtime.requests import JobOptions, request_of


class HandlerClass(Protocol):
    """A class of which an instance is made (with no arguments) for every attempt."""

    def run(self, context: JobContext, payload: Any, /) -> Any:
        """Do the job; may be async."""


#: What can be registered; decorated with ``handler`` it stays what it is.
F = TypeVar("F", bound=Callable[[JobContext, Any], Any] | type[HandlerClass])


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered handler: the code, the type of its payload, and how it is retried."""

    name: str
    function: Callable[..., Any]
    aliases: tuple[str, ...] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    #: A job that runs longer is asked to stop, then stopped; None: it may take its time.
    timeout_s: float | None = None
    #: Its calls cost money or are rationed: `runtime.rate_limits` hold it back.
    metered: bool = False
    #: The type of its payload, as soon as that is known.
    _kinds: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def payload_type(self) -> Any:
        """
        What the code declares for its payload; None: anything.

        It is looked up when it is first needed, for a module may define it below the handler.
        Raises BadInput where it is not there then.
        """
        if not self._kinds:
            try:
                self._kinds.append(payload_type(self.function))
            except NameError as error:
                raise BadInput(
                    f"the payload of handler {self.name!r} cannot be checked: {error} - define or "
                    "import that type at the top of the module, not only under TYPE_CHECKING"
                ) from None
        return self._kinds[0]

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
        if kind is None or is_one(data, kind):
            return data
        try:
            return msgspec.convert(data, kind, dec_hook=validated)
        except NameError as error:
            raise BadInput(
                f"the payload of handler {self.name!r} cannot be checked: a field of "
                f"{getattr(kind, '__name__', kind)} has a type that is not there when the program "
                f"runs ({error}) - define or import that at the top of the module, not only under "
                "TYPE_CHECKING"
            ) from None
        except (msgspec.ValidationError, ValueError) as error:
            raise BadInput(
                f"the payload does not fit handler {self.name!r}: {fault(error)} - "
                f"it takes {getattr(kind, '__name__', kind)}"
            ) from None

    def plain(self, data: Any) -> Any:
        """
        *data*, checked against the type that the handler declares, as JSON can say it.

        Raises BadInput for what does not fit, and for what JSON cannot say.
        """
        payload = self.payload(data)
        try:
            plain = msgspec.to_builtins(payload, enc_hook=dumped)
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

    def handler(
        self,
        name: str,
        *,
        aliases: Sequence[str] = (),
        max_attempts: int = 1,
        retry_on: type[BaseException] | Sequence[type[BaseException]] = (),
        backoff: Backoff | None = None,
        max_crashes: int = 3,
        timeout_s: float | None = None,
        metered: bool = False,
    ) -> Callable[[F], F]:
        """
        Register the decorated function or class under *name* and *aliases*.

        A function takes (context, payload) and may be async; a class is made once per attempt
        (with no arguments) and has such a method ``run``. An attempt may take *timeout_s* seconds,
        and *max_attempts* are made; *retry_on* names the exceptions worth another one (default:
        all but programming errors), *backoff* the wait before it. A job that took its worker down
        *max_crashes* times is set apart. *metered*: its calls cost money or are rationed, so the
        limits of the settings' section ``pulse`` hold for it. Raises BadInput for options that
        make no sense, and for a name that is taken.
        """
        if max_attempts < 1:
            raise BadInput(f"handler {name!r}: max_attempts is {max_attempts} - give 1 or more")
        if timeout_s is not None and timeout_s <= 0:
            raise BadInput(f"handler {name!r}: timeout_s is {timeout_s} - give more than 0")
        kinds = (retry_on,) if isinstance(retry_on, type) else tuple(retry_on)
        retry = RetryPolicy(max_attempts, kinds, backoff or Backoff(), max_crashes)

        def register(code: F) -> F:
            function = _function_of(name, code)
            self.add(Handler(name, function, tuple(aliases), retry, timeout_s, metered))
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

    def schedule(
        self,
        key: str,
        when: str,
        handler: str,
        payload: Any = None,
        *,
        time_zone: str | None = None,
        overlap: OverlapPolicy = "skip",
        missed: MissedPolicy = "one",
        jitter_seconds: int = 0,
        start_at: str | None = None,
        end_at: str | None = None,
        priority: int = 0,
        name: str | None = None,
        metadata: Any = None,
    ) -> None:
        """
        Declare that *handler* runs *when* (``every 6h``, ``0 9 * * 1-5``, a time).

        *key* tells the schedule from the others over changes of the code. *overlap* says what
        becomes of a firing while the last job is active, *missed* of those that no server was there
        for; *start_at* and *end_at* are RFC 3339, *time_zone* an IANA name (default: the one in
        *when*, or UTC). Raises BadInput.
        """
        timing = parse_timing(when)
        if time_zone is not None:
            timing["time_zone"] = time_zone
        new = NewSchedule(
            handler_name=handler,
            payload=payload,
            overlap=str(overlap),
            missed=str(missed),
            jitter_seconds=jitter_seconds,
            start_at=start_at,
            end_at=end_at,
            priority=priority,
            name=name,
            metadata=metadata,
            **timing,
        )
        self.schedules.append(DeclaredSchedule(key=key, schedule=new))

    def get(self, name: str) -> Handler:
        """The handler called *name* (or with that alias); raises UnknownHandler."""
        found = self._handlers.get(name)
        if found is None:
            known = ", ".join(self.names()) or "none"
            raise UnknownHandler(f"unknown handler {name!r} - registered are: {known}")
        return found

    def request(
        self, handler_name: str, payload: Any = None, **options: Unpack[JobOptions]
    ) -> JobRequest:
        """
        A checked request for a job; see `App.enqueue` for the options.

        Raises UnknownHandler, or BadInput that says what is wrong with the payload or an option.
        """
        handler = self.get(handler_name)
        if options.get("max_attempts") is None:
            options["max_attempts"] = handler.retry.max_attempts
        return request_of(handler.name, handler.plain(payload), **options)

    def names(self) -> list[str]:
        """The names of all handlers, without aliases, sorted."""
        return sorted({handler.name for handler in self._handlers.values()})

    def __iter__(self) -> typing.Iterator[Handler]:
        return iter({id(h): h for h in self._handlers.values()}.values())

    def __contains__(self, name: str) -> bool:
        return name in self._handlers


def _function_of(name: str, code: Any) -> Callable[..., Any]:
    """What is called with (context, payload); raises BadInput for what cannot be run."""
    function: Callable[..., Any] = _method_of(code) if isinstance(code, type) else code
    body = code_of(function)
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise BadInput(f"handler {name!r} has a yield: nothing would run it - return a result")
    return function


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
