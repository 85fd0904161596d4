"""``qntx candidates``: who is scored."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("candidates")
def command() -> None:
    """Import and list candidates."""


@command.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.pass_context
def import_(ctx: click.Context, path: Path) -> None:
    """Import candidates from PATH: a JSON or JSONL file, or a folder of them."""
    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx_recruiting.candidates import import_candidates
    from qntx_recruiting.ports import RecruitingStore

    app = built_in_app(settings_of(ctx))
    store = app.ports[RecruitingStore](app.settings)
    number = import_candidates(store, path)
    click.echo(f"{number} candidates imported from {path}")


@command.command("list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """List the candidates."""
    from qntx.builtin import built_in_app
    from qntx.cli import settings_of
    from qntx_recruiting.ports import RecruitingStore

    app = built_in_app(settings_of(ctx))
    candidates = app.ports[RecruitingStore](app.settings).list_candidates()
    for candidate in candidates:
        click.echo(f"{candidate.id}  {candidate.name}")
    if not candidates:
        click.echo("no candidates yet - qntx candidates import PATH")
