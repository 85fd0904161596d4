"""Attestations on SQLite: stored once, found by any of their names."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from qntx.clock import from_iso, iso
from qntx_recruiting.model.attestation import Attestation

_encode = msgspec.json.encode
_DIMENSIONS = ("subject", "predicate", "context", "actor")


def insert(connection: apsw.Connection, claim: Attestation, now: str) -> None:
    """Store *claim* and its names, created at *now*."""
    names = (claim.subjects, claim.predicates, claim.contexts, claim.actors)
    connection.execute(
        "INSERT INTO attestations (id, subjects, predicates, contexts, actors, "
        "timestamp, source, attributes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            claim.id,
            *(_text(name) for name in names),
            iso(claim.timestamp_us),
            claim.source,
            _text(claim.attributes) if claim.attributes else None,
            now,
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO attestation_names VALUES (?, ?, ?)",
        [
            (dimension, name, claim.id)
            for dimension, dimension_names in zip(_DIMENSIONS, names, strict=True)
            for name in dimension_names
        ],
    )


def of(connection: apsw.Connection, subject: str) -> list[Attestation]:
    """The claims about *subject* (in any case), oldest first."""
    sql = (
        "SELECT a.id, subjects, predicates, contexts, actors, timestamp, source, attributes "
        "FROM attestation_names n JOIN attestations a ON a.id = n.attestation_id "
        "WHERE n.dimension = 'subject' AND n.name = ? ORDER BY a.timestamp, a.id"
    )
    return [_attestation(row) for row in connection.execute(sql, (subject,))]


def words(claim: Attestation) -> bytes:
    """What *claim* says and who says it, whenever it was said."""
    return _encode(
        (claim.subjects, claim.predicates, claim.contexts, claim.actors, claim.attributes)
    )


def renamed(claim: Attestation, names: dict[str, str]) -> Attestation:
    """*claim* with every id of *names* replaced by the one it is kept under."""
    return msgspec.structs.replace(
        claim,
        subjects=tuple(names.get(name, name) for name in claim.subjects),
        contexts=tuple(names.get(name, name) for name in claim.contexts),
        attributes={
            key: names.get(value, value) if isinstance(value, str) else value
            for key, value in claim.attributes.items()
        },
    )


def _attestation(row: tuple[Any, ...]) -> Attestation:
    identifier, *lists, timestamp, source, attributes = row
    subjects, predicates, contexts, actors = (
        msgspec.json.decode(text, type=tuple[str, ...]) for text in lists
    )
    return Attestation(
        id=identifier,
        subjects=subjects,
        predicates=predicates,
        contexts=contexts,
        actors=actors,
        timestamp_us=from_iso(timestamp),
        source=source,
        attributes=msgspec.json.decode(attributes) if attributes else {},
    )


def _text(value: object) -> str:
    return _encode(value).decode()
