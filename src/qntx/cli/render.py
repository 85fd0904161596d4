"""How jobs, trees and lines look in a terminal; nothing a job printed can steer it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from qntx.model.groups import LineGroups
from qntx.model.views import Job, Line, Progress, StagesView, TreeJob
from qntx.recording.emitters import NullEmitter

LEVEL_STYLES = {
    "debug": "dim",
    "info": "",
    "warn": "yellow",
    "error": "red",
    "critical": "bold red",
}
STATUS_STYLES = {
    "queued": "cyan",
    "running": "blue",
    "paused": "magenta",
    "completed": "green",
    "failed": "red",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "pending": "dim",
}
MARKS = {
    "queued": "○",
    "running": "▶",
    "paused": "‖",
    "completed": "✓",
    "failed": "✗",
    "cancelled": "⊘",
    "interrupted": "!",
    "pending": "·",
}

_TRACEBACK = "Traceback (most recent call last):\n"
#: Control characters (C0 but tab and newline, DEL, C1) and the ones that reorder text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: Where programs draw over what they wrote.
_OUTPUT = ("stdout", "stderr", "subprocess")


def safe(text: str) -> str:
    """*text* with everything that could steer a terminal shown as an escape (``\\x1b``)."""
    return _CONTROL.sub(lambda m: m[0].encode("unicode_escape").decode(), text)


def line_text(line: Line, *, columns: bool = True) -> Text:
    """One log line: time, level, stage and task, message; continuation lines are indented."""
    text = Text()
    text.append(line.timestamp[11:23], style="dim")
    text.append(f" {line.level:<8}", style=LEVEL_STYLES[line.level])
    if columns:
        place = line.stage or "-"
        if line.task_id is not None:
            place += f"/{line.task_id}"
        text.append(safe(place) + "  ", style="cyan")
    shown = safe(line.message).split("\n")
    text.append("\n    ".join(shown), style=LEVEL_STYLES[line.level])
    if line.source in _OUTPUT and line.metadata and "frames" in line.metadata:
        text.append(f"  ({line.metadata['frames']:,} frames)", style="dim")
    if line.truncated:
        text.append(f" … ({line.size:,} bytes; qntx logs --json shows all)", style="dim")
    return text


def print_tree(
    console: Console, tree: StagesView, lines: Mapping[tuple[str, str | None], list[Line]]
) -> None:
    """The stage → task → log tree of an attempt."""
    for stage in tree.stages:
        head = Text()
        head.append(_mark(stage.status))
        head.append(safe(stage.stage or "(outside of any stage)"), style="bold")
        head.append(f"  {_duration(stage.duration_ms)}, {lines_text(stage.log_count)}", style="dim")
        console.print(head)
        for task in stage.tasks:
            key = (stage.stage, None if task.is_stage else task.task_id)
            indent = "  "
            if not task.is_stage:
                name = f" {task.name}" if task.name and task.name != task.task_id else ""
                row = Text("  ").append(_mark(task.status)).append(safe(task.task_id + name))
                row.append(f"  {lines_text(task.log_count)}", style="dim")
                console.print(row)
                indent = "    "
            for line in lines.get(key, ()):
                console.print(Text(indent).append(line_text(line, columns=False)))


def print_groups(console: Console, found: LineGroups) -> None:
    """Alike lines together: how many, and the first of them."""
    if not found.groups:
        console.print("no lines")
    digits = max((len(f"{group.count:,}") for group in found.groups), default=1)
    for group in found.groups:
        first = msgspec.structs.replace(group.first, message=gist(group.first))
        text = Text(f"{group.count:>{digits},} × ", style="bold").append(line_text(first))
        if group.count > 1:
            text.append(f"  (last {group.last.timestamp[11:23]}, line {group.last.id})", "dim")
        console.print(text)
    if len(found.groups) < found.group_count:
        console.print(f"{found.group_count - len(found.groups):,} more groups", style="dim")
    if found.looked_at < found.total_count:
        looked_at = f"of the first {found.looked_at:,} of {lines_text(found.total_count)}"
        console.print(looked_at, style="dim")


def gist(line: Line) -> str:
    """A message without its traceback's frames: what was said, and the exception."""
    said, found, trace = line.message.partition(_TRACEBACK)
    if not found or line.truncated or (said and not said.endswith("\n")):
        return line.message
    return said + trace.rstrip().rpartition("\n")[2]


def job_line(job: Job) -> Text:
    """A job in one line."""
    text = Text()
    text.append(_mark(job.status))
    text.append(job.status, style=STATUS_STYLES[job.status])
    text.append(f"  {job.id}  {job.handler_name}  {safe(job.source)}")
    text.append(progress_of(job.progress))
    text.append(f"  {_duration(job.duration_ms)}  {job.receipt.text}", style="dim")
    return text


def progress_of(progress: Progress) -> str:
    """How far a job is, and how long it still takes: nothing where that is not known."""
    if not progress.total:
        return ""
    left = "" if progress.left_s is None else f", {_duration(int(progress.left_s * 1000))} left"
    return f"  {progress.current:,} of {progress.total:,}{left}"


def tree_line(job: TreeJob) -> Text:
    """A job of a tree in one line, set in by its depth."""
    text = Text("  " * job.depth)
    text.append(_mark(job.status))
    text.append(job.status, style=STATUS_STYLES[job.status])
    text.append(f"  {job.id}  {job.handler_name}  {safe(job.source)}{progress_of(job.progress)}")
    return text.append(f"  {_duration(job.duration_ms)}", style="dim")


class ConsoleEmitter(NullEmitter):
    """Live progress on a terminal (standard error, so that pipes get results only)."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def emit_stage(self, stage: str, message: str) -> None:
        """A new stage: its name and what it does."""
        text = Text().append(f"▸ {safe(stage)}", style="bold cyan")
        self._console.print(text.append(f"  {safe(message)}", style="default"))

    def emit_info(self, message: str, metadata: Mapping[str, Any] | None = None) -> None:
        """A line under the stage."""
        self._console.print(Text(f"    {safe(message)}"))

    def emit_warning(self, message: str, metadata: Mapping[str, Any] | None = None) -> None:
        """A warning under the stage."""
        self._console.print(Text(f"  ! {safe(message)}", style="yellow"))

    def emit_error(self, stage: str, error: BaseException | str) -> None:
        """What went wrong, and in which stage."""
        place = f" in {safe(stage)}" if stage else ""
        self._console.print(Text(f"✗ error{place}: {safe(str(error))}", style="red"))

    def emit_candidate_match(
        self,
        candidate_id: str,
        score: float,
        qualified: bool,
        reasoning: str,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """A scored candidate."""
        style = "green" if qualified else "default"
        mark = "✓" if qualified else "·"
        text = f"  {mark} {candidate_id}  {score:.2f}  {safe(reasoning)}"
        self._console.print(Text(text, style=style))


def _mark(status: str | None) -> Text:
    if status is None:
        return Text("  ")
    return Text(f"{MARKS.get(status, '?')} ", style=STATUS_STYLES.get(status, ""))


def _duration(ms: int | None) -> str:
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"


def lines_text(number: int) -> str:
    """So many lines, in words."""
    return f"{number:,} line" + ("" if number == 1 else "s")
