"""``qntx search``: lines of all runs that hold a text, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qntx.cli.filtering import filter_of, line_options
from qntx.errors import BadInput

if TYPE_CHECKING:
    from qntx.model.search import FoundLine

#: So many characters of what a job is about are shown.
ABOUT = 100


@click.command("search")
@click.argument("text")
@line_options
@click.option("--handler", help="Only jobs of this handler.")
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help="How many lines at most.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(
    ctx: click.Context, /, text: str, handler: str | None, limit: int, as_json: bool, **words: Any
) -> None:
    """Show lines of all runs that hold TEXT, the newest first."""
    import msgspec
    from rich.console import Console
    from rich.text import Text

    from qntx.app import App
    from qntx.cli import settings_of
    from qntx.cli.render import line_text, safe
    from qntx.storage.interfaces.search import MAX_FOUND

    if not text:
        raise BadInput("the text to look for is missing - qntx search TEXT")
    wanted = filter_of(q=text, **words)
    search = App(settings_of(ctx)).store.search
    out = Console(highlight=False, soft_wrap=True)
    cursor, shown, of_job = None, 0, ("", 0)
    while shown < limit:
        size = min(limit - shown, MAX_FOUND)
        page = search.page(wanted, handler=handler, limit=size, cursor=cursor)
        for line in page.logs:
            if as_json:
                click.echo(msgspec.json.encode(line).decode())
                continue
            if of_job != (line.job_id, line.attempt):
                of_job = (str(line.job_id), line.attempt)
                out.print(Text(_head(line, safe), style="bold"))
            out.print(Text("  ").append(line_text(line)))
        shown += len(page.logs)
        cursor = page.next_cursor
        if cursor is None:
            break
    more = ", there are more: --limit" if cursor is not None else ""
    click.echo(f"{shown:,} line{'' if shown == 1 else 's'} found{more}", err=True)


def _head(line: FoundLine, safe: Any) -> str:
    about = safe(" ".join((line.job_source or "").split()))
    if len(about) > ABOUT:
        about = about[:ABOUT] + "…"
    attempt = f"  attempt {line.attempt}" if line.attempt > 1 else ""
    return f"{line.job_id}  {safe(line.handler_name)}  {about}{attempt}".rstrip()
