"""``qntx logs --histogram``: lines over time, a bar for each stretch, its levels by shade."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from qntx.cli.render import LEVEL_STYLES, lines_text
from qntx.clock import from_iso, iso
from qntx.model.durations import show_duration
from qntx.model.log import LEVEL_NAMES
from qntx.model.views import Counts, Histogram

#: What a bar is made of, by level: told apart without colour; the second where a terminal knows
#: ASCII only.
SHADES = {
    "debug": "░.",
    "info": "▒:",
    "warn": "▓w",
    "error": "█E",
    "critical": "▚C",
}
#: Levels whose numbers are said behind their bars.
SAID = ("warn", "error", "critical")
#: The shortest longest bar, however narrow the terminal is.
LEAST_CELLS = 8
_DAY_US = 86_400_000_000
_SECOND_US = 1_000_000


def print_histogram(console: Console, found: Histogram) -> None:
    """The lines of *found* over time, in the width of *console*."""
    if found.step_us is None:
        console.print("no lines")
        return
    ascii_only = not console.encoding.lower().startswith("utf")
    first, last = found.buckets[0].at, found.buckets[-1].at
    same_day = first[:10] == last[:10] and found.step_us < _DAY_US
    day = f", {first[:10]}" if same_day else ""
    head = f"{lines_text(found.total_count)}, {_length(found.step_us)} a bar{day} (UTC)"
    console.print(Text(head).append(_legend(found, ascii_only)))
    rows = list(_rows(found))
    labels = [_label(at_us, found.step_us, same_day=same_day) for at_us, _ in rows]
    most = max(counts.total for _, counts in rows)
    digits = len(f"{most:,}")
    said = max(len(_said(counts)) for _, counts in rows)
    room = console.width - len(labels[0]) - digits - 4
    # What is said of warnings and errors gets its place, but not at the cost of the bars.
    cells = max(LEAST_CELLS, room - said if room - said >= said else room)
    for label, (_, counts) in zip(labels, rows, strict=True):
        row = Text().append(label, style="dim").append(f"  {counts.total:>{digits},}  ")
        row.append(_bar(counts, most, cells, ascii_only))
        row.append(_said(counts))
        row.rstrip()
        console.print(row)


def _rows(found: Histogram) -> Iterator[tuple[int, Counts]]:
    """Every stretch from the first line to the last, also those in which nothing was said."""
    step = found.step_us or 1
    counts = {from_iso(bucket.at): bucket.counts for bucket in found.buckets}
    for at_us in range(min(counts), max(counts) + step, step):
        yield at_us, counts.get(at_us) or Counts()


def _bar(counts: Counts, most: int, cells: int, ascii_only: bool) -> Text:
    """A bar as long as its share of *most*; each level that is there can be seen in it."""
    bar = Text()
    present = {name: n for name in LEVEL_NAMES if (n := getattr(counts, name))}
    length = max(len(present), round(counts.total * cells / most))
    spare = length - len(present)
    done = taken = 0
    for name, number in present.items():
        # Beyond its one cell a level gets its share of the others, rounded where it ends.
        done += number
        upto = round(done * spare / counts.total)
        bar.append(SHADES[name][ascii_only] * (1 + upto - taken), style=LEVEL_STYLES[name])
        taken = upto
    return bar


def _said(counts: Counts) -> str:
    numbers = [f"{getattr(counts, name):,} {name}" for name in SAID if getattr(counts, name)]
    return "  " + ", ".join(numbers) if numbers else ""


def _legend(found: Histogram, ascii_only: bool) -> Text:
    legend = Text()
    for name in LEVEL_NAMES:
        if any(getattr(bucket.counts, name) for bucket in found.buckets):
            legend.append("  ").append(SHADES[name][ascii_only], style=LEVEL_STYLES[name])
            legend.append(f" {name}")
    return legend


def _label(at_us: int, step_us: int, *, same_day: bool) -> str:
    """When a stretch begins, as exactly as its length asks for."""
    at = iso(at_us)
    if step_us % _DAY_US == 0:
        return at[:10]
    if step_us % (60 * _SECOND_US) == 0:
        clock = at[11:16]
    elif step_us % _SECOND_US == 0:
        clock = at[11:19]
    else:
        clock = at[11:20] + at[20:26][: len(f"{step_us / _SECOND_US % 1:.6f}".rstrip("0")) - 2]
    return clock if same_day else f"{at[:10]} {clock}"


def _length(step_us: int) -> str:
    if step_us >= _SECOND_US:
        return show_duration(step_us // _SECOND_US)
    return f"{step_us // 1000} ms" if step_us >= 1000 else f"{step_us} µs"
