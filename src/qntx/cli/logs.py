"""``qntx logs``: what a job said, filtered, as text, tree or JSON, and as it comes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from qntx.cli.filtering import filter_of, line_options
from qntx.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from qntx.app import App
    from qntx.model.views import Line, LogFilter

FOLLOW_S = 0.05
#: No line has a number as high.
_LAST = (1 << 32) - 1


@click.command("logs")
@click.argument("job_id")
@click.option("--attempt", type=click.IntRange(1, (1 << 31) - 1), help="Only this attempt.")
@click.option("--text", help="Only lines that hold this text.")
@line_options
@click.option(
    "--around",
    type=click.IntRange(0, (1 << 32) - 1),
    metavar="N",
    help="The lines around number N (of --attempt, or the newest).",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="The first N lines; how many around one (100 unless told).",
)
@click.option(
    "-n",
    "--tail",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="The last N lines, and with -f what comes after them.",
)
@click.option("--histogram", is_flag=True, help="How many lines when, by level, as bars.")
@click.option(
    "--buckets",
    default=30,
    show_default=True,
    type=click.IntRange(1, 300),
    help="How many bars at most.",
)
@click.option(
    "--groups",
    is_flag=True,
    help="Warnings and errors (or --level), those that are alike together.",
)
@click.option("--tree", is_flag=True, help="As a tree: stage → task → lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the job ends.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    job_id: str,
    attempt: int | None,
    text: str | None,
    around: int | None,
    limit: int | None,
    tail: int | None,
    histogram: bool,
    buckets: int,
    groups: bool,
    tree: bool,
    follow: bool,
    as_json: bool,
    **words: Any,
) -> None:
    """Show what the job JOB_ID said."""
    from rich.console import Console

    from qntx.app import App
    from qntx.cli import settings_of

    _check(
        around=around is not None,
        limit=limit is not None,
        tail=tail is not None,
        histogram=histogram,
        groups=groups,
        tree=tree,
        follow=follow,
        json=as_json,
    )
    shown = filter_of(attempt=attempt, q=text, **words)
    app = App(settings_of(ctx))
    out = Console(highlight=False, soft_wrap=True)
    if histogram:
        _histogram(app, out, job_id, shown, buckets, as_json)
    elif groups:
        _groups(app, out, job_id, shown, as_json)
    elif tree:
        _tree(app, out, job_id, shown)
    elif around is not None:
        page = app.store.logs.page(job_id, shown, limit=limit or 100, around=around)
        _show(app, out, job_id, page.logs, as_json)
    else:
        _lines(app, out, job_id, shown, as_json, follow, limit, tail)
    receipt = app.store.logs.receipt(job_id, attempt)
    click.echo(receipt.text, err=True)


def _check(**given: bool) -> None:
    """Raise BadInput for ways of showing lines that exclude each other."""
    for one, others in _ALONE.items():
        for other in others:
            if given[one] and given[other]:
                neither = " nor ".join(f"--{name}" for name in others)
                raise BadInput(f"--{one} goes with neither {neither} - leave those out")


_ALONE = {
    "around": ("tree", "follow", "histogram"),
    "histogram": ("tree", "follow"),
    "tree": ("follow", "json", "limit"),
    "tail": ("around", "limit", "tree", "histogram"),
    "limit": ("follow", "histogram"),
    "groups": ("around", "limit", "tail", "histogram", "tree", "follow"),
}


def _histogram(
    app: App, out: Console, job_id: str, wanted: LogFilter, buckets: int, as_json: bool
) -> None:
    import msgspec

    from qntx.cli.histogram import print_histogram

    found = app.store.logs.histogram(job_id, wanted, buckets)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        print_histogram(out, found)


def _groups(app: App, out: Console, job_id: str, wanted: LogFilter, as_json: bool) -> None:
    import msgspec

    from qntx.cli.render import print_groups

    found = app.store.logs.groups(job_id, wanted)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    else:
        print_groups(out, found)


def _lines(
    app: App,
    out: Console,
    job_id: str,
    wanted: LogFilter,
    as_json: bool,
    follow: bool,
    limit: int | None,
    tail: int | None,
) -> None:
    from qntx.cli.growing import GrowingLines
    from qntx.model.job import FINAL

    after: str | None = None
    before = str(_LAST) if tail is not None else None
    size, left = tail or 1000, limit or _LAST
    with GrowingLines(out) as growing:
        while left > 0:
            over = app.store.jobs.status(job_id) in FINAL
            page = app.store.logs.page(
                job_id, wanted, limit=min(size, left), after=after, before=before
            )
            before, size = None, 1000
            _show(app, out, job_id, page.logs, as_json)
            left -= len(page.logs)
            if page.logs:
                after = app.store.logs.cursor(job_id, page.logs[-1])
            if page.next_cursor is None:
                if not follow or over:
                    break
                growing.show([] if as_json else page.growing)
                time.sleep(FOLLOW_S)
    if not follow and left > 0 and not as_json:
        _show(app, out, job_id, page.growing, as_json)


def _show(app: App, out: Console, job_id: str, lines: list[Line], as_json: bool) -> None:
    import msgspec

    from qntx.cli.render import line_text

    for line in lines:
        if not as_json:
            out.print(line_text(line))
            continue
        if line.truncated:
            whole = app.store.logs.message(job_id, line.attempt, line.id)
            line = msgspec.structs.replace(
                line, message=whole.decode("utf-8", "backslashreplace"), truncated=False
            )
        click.echo(msgspec.json.encode(line).decode())


def _tree(app: App, out: Console, job_id: str, wanted: LogFilter) -> None:
    from qntx.cli.render import print_tree

    lines: dict[tuple[str, str | None], list[Line]] = {}
    for line, _ in app.store.logs.lines(job_id, wanted):
        lines.setdefault((line.stage or "", line.task_id), []).append(line)
    print_tree(out, app.store.logs.stages(job_id, wanted.attempt), lines)
