"""
The frozen databases, and today's program on a copy of one.

All that the tests of this folder know of the program is imported here.
"""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
from click.testing import CliRunner, Result

from qntx.builtin import built_in_app
from qntx.cli import main
from qntx.errors import StoreUnavailable
from qntx.storage.sqlite.migrate import known, open_database
from qntx_recruiting.application import APPLICATION as RECRUITING
from tests.support.api_server import serving

FROZEN = Path(__file__).resolve().parent / "frozen"
#: What keeps versions of its own (the frozen files of each are called by its name): its
#: migrations, (version, name, SQL), and the table in which it notes those that were applied.
#: An application with migrations of its own is a line in each.
MIGRATIONS: dict[str, Callable[[], list[tuple[int, str, str]]]] = {"qntx": known}
APPLIED = {"qntx": "schema_migrations"}
#: Migrations of qntx that belong to an application by now: old databases note them still.
GIVEN_AWAY = {2}
#: What a child process runs that opens the database of its first argument and tells when it has.
OPEN = f"""
import sys
from pathlib import Path
from {open_database.__module__} import open_database
sys.stdin.read()
from qntx_recruiting.application import APPLICATION
open_database(Path(sys.argv[1]), applications=[APPLICATION]).close()
print("opened")
"""
Unavailable = StoreUnavailable


@dataclass(frozen=True)
class Frozen:
    """A database as it was at a released version, and what is in it."""

    owner: str
    version: int

    def __str__(self) -> str:
        return f"{self.owner}-{self.version:04d}"

    @cached_property
    def contents(self) -> dict[str, Any]:
        """What was read from it when it was frozen, in the words of the API."""
        found: dict[str, Any] = json.loads(gzip.decompress(self._beside("json")))
        return found

    def thaw(self, home: Path) -> Path:
        """The path of a copy in the data directory *home*."""
        home.mkdir()
        path = home / "qntx.db"
        path.write_bytes(gzip.decompress(self._beside("db")))
        return path

    def _beside(self, kind: str) -> bytes:
        return (FROZEN / f"{self}.{kind}.gz").read_bytes()


def all_frozen() -> list[Frozen]:
    """The frozen databases that there are, oldest first."""
    names = sorted(path.name.removesuffix(".db.gz") for path in FROZEN.glob("*.db.gz"))
    return [Frozen(name[:-5], int(name[-4:])) for name in names]


@dataclass
class Upgraded:
    """A copy of a frozen database that today's program serves."""

    frozen: Frozen
    home: Path
    client: httpx2.Client

    @property
    def contents(self) -> dict[str, Any]:
        """What was frozen."""
        return self.frozen.contents

    def get(self, path: str, **query: Any) -> Any:
        """What the API answers."""
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, key: str, **query: Any) -> Iterator[Any]:
        """All rows of a list, over its pages."""
        while True:
            page = self.get(path, **query)
            yield from page[key]
            if page["next_cursor"] is None:
                return
            query["after" if key == "logs" and "q" not in query else "cursor"] = page["next_cursor"]

    def qntx(self, *arguments: str) -> str:
        """What the command prints."""
        result = qntx(self.home, *arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def lines_of(self, job_id: str) -> list[dict[str, Any]]:
        """The lines of a job that were frozen."""
        return [line for line in self.contents["lines"] if line["job_id"] == job_id]


@contextmanager
def upgraded(frozen: Frozen, home: Path) -> Iterator[Upgraded]:
    """Today's program serves a copy of *frozen* in *home*."""
    frozen.thaw(home)
    with serving(built_in_app(home=home)) as (_, client):
        yield Upgraded(frozen, home, client)


def qntx(home: Path, *arguments: str) -> Result:
    """The command on the data directory *home*."""
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


def upgrade(path: Path) -> None:
    """Open the database as the program does, and close it."""
    open_database(path, applications=[RECRUITING]).close()


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows that *sql* gives, without the program."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(sql).fetchall()


def version_of(path: Path, owner: str) -> int:
    """The version of the tables of *owner*; of qntx the header of the file has it, too."""
    ((version,),) = ask(path, f"SELECT max(version) FROM {APPLIED[owner]}")
    if owner == "qntx":
        assert ask(path, "PRAGMA user_version") == [(version,)]
    return int(version)


def schema(path: Path) -> dict[str, Any]:
    """Every table, index, view and trigger: its text without blanks, its columns and keys."""
    with closing(sqlite3.connect(path)) as db:
        return {
            f"{kind} {name}": (
                re.sub(r"\s+", "", re.sub(r"--.*", "", sql or "")),
                *(
                    db.execute(f"PRAGMA {what}({name})").fetchall()
                    for what in ("table_xinfo", "foreign_key_list", "index_xinfo")
                ),
            )
            for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master")
        }


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What each table holds in the columns that it has now, by the statement that reads it."""
    with closing(sqlite3.connect(path)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        reads = []
        for (table,) in tables:
            columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
            reads.append(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1")
        return {sql: db.execute(sql).fetchall() for sql in reads if not is_of_versions(sql)}


def is_of_versions(sql: str) -> bool:
    """Whether the statement reads what migrations were applied: that changes."""
    return any(f" {table} " in sql for table in (*APPLIED.values(), "application_migrations"))
