"""Read candidates from JSON files, and say exactly what is wrong with one that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from qntx.errors import BadInput
from qntx_recruiting.model.recruiting import Candidate
from qntx_recruiting.ports import RecruitingStore

#: A larger file is no list of candidates.
MAX_FILE_BYTES = 50_000_000


def load_candidates(path: Path) -> list[Candidate]:
    """
    The candidates in *path*: a ``.json`` file (one or a list), a ``.jsonl`` file, or a folder of
    such files.

    Raises BadInput that names the file, the line or entry, and the field.
    """
    if not path.exists():
        raise BadInput(f"no candidates at {path} - give a JSON or JSONL file, or a folder of them")
    files = (
        sorted(p for p in path.iterdir() if p.suffix in (".json", ".jsonl"))
        if path.is_dir()
        else [path]
    )
    if not files:
        raise BadInput(f"the folder {path} holds no .json or .jsonl file - give another")
    found: dict[str, tuple[Candidate, Path]] = {}
    for file in files:
        for candidate in _read(file):
            if candidate.id in found:
                other = found[candidate.id][1]
                raise BadInput(
                    f"the candidate {candidate.id} is in {other} and in {file} - keep one"
                )
            found[candidate.id] = (candidate, file)
    return [candidate for candidate, _ in found.values()]


def import_candidates(store: RecruitingStore, path: Path) -> int:
    """Load *path* and store its candidates, replacing those with equal ids; returns how many."""
    return store.save_candidates(load_candidates(path))


def _read(file: Path) -> Iterator[Candidate]:
    if file.stat().st_size > MAX_FILE_BYTES:
        raise BadInput(f"{file} is larger than {MAX_FILE_BYTES:,} bytes - split it")
    body = file.read_bytes()
    if file.suffix == ".jsonl":
        for number, line in enumerate(body.splitlines(), 1):
            if line.strip():
                yield _candidate(f"{file}, line {number}", _json(f"{file}, line {number}", line))
        return
    data = _json(str(file), body)
    for number, entry in enumerate(data if isinstance(data, list) else [data], 1):
        yield _candidate(f"{file}, entry {number}" if isinstance(data, list) else str(file), entry)


def _json(where: str, body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{where} is not valid JSON ({error}) - correct the file") from None


def _candidate(where: str, data: object) -> Candidate:
    try:
        return msgspec.convert(data, Candidate)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where} is not a usable candidate: {error} - correct the file") from None
