"""Lines that have no newline yet, below those that have: each grows where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live

from qntx.cli.render import line_text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from qntx.model.views import Line

_PER_SECOND = 10


class GrowingLines:
    """The bottom of a terminal; elsewhere lines show when they are whole."""

    def __init__(self, out: Console) -> None:
        self._live = (
            Live(console=out, transient=True, refresh_per_second=_PER_SECOND)
            if out.is_terminal
            else None
        )

    def __enter__(self) -> GrowingLines:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, lines: list[Line]) -> None:
        """Show *lines* in the place of those that were shown before."""
        if self._live is None:
            return
        texts = [line_text(line) for line in lines]
        for text in texts:
            text.no_wrap, text.overflow = True, "ellipsis"
        self._live.update(Group(*texts))
