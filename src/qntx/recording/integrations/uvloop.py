"""uvloop's children: it starts them without ``subprocess.Popen``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from uvloop import Loop

from qntx.recording.child_streams import streams_of_child
from qntx.recording.patches import Patches

_patches = Patches()
_original_exec: Any
_original_shell: Any


def install() -> None:
    """Give children that would inherit ours streams of their own, in the scope of the code."""
    global _original_exec, _original_shell
    _original_exec = _patches.replace(Loop, "subprocess_exec", _exec)
    _original_shell = _patches.replace(Loop, "subprocess_shell", _shell)


def uninstall() -> None:
    """Put the methods back."""
    _patches.put_back()


async def _exec(self: Any, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
    return await _started(_original_exec, self, protocol_factory, args, kwargs)


async def _shell(self: Any, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
    return await _started(_original_shell, self, protocol_factory, args, kwargs)


async def _started(start: Any, loop: Any, factory: Any, args: Any, kwargs: Any) -> Any:
    # It makes a pipe where asyncio's functions give nothing; they give None to inherit.
    given = {name: kwargs[name] for name in ("stdout", "stderr") if name in kwargs}
    with streams_of_child(given) as finish:

        def protocol() -> Any:
            made = factory()
            with suppress(AttributeError):  # one with slots: its end is seen by the streams
                made.process_exited = _then(finish, made.process_exited)
            return made

        return await start(loop, protocol, *args, **{**kwargs, **given})


def _then(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        first()
        second()

    return both
