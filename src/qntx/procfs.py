"""What the system tells about processes: Linux's /proc."""

from __future__ import annotations

from pathlib import Path

MAX_COMMAND = 120


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal (not by a debugger); False when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def command_of(pid: int) -> str:
    """What a process runs, by name only: its arguments may be nobody's business."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "gone"
    named = words[:3] if words[1:2] == ["-m"] else [w for w in words[:2] if not w.startswith("-")]
    return " ".join(word.rpartition("/")[2] for word in named)[:MAX_COMMAND].strip()
