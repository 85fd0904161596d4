"""Roles, job descriptions, attestations, candidates, scores and model usage on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from qntx.clock import iso, now_us
from qntx.errors import NotFound
from qntx.storage.sqlite.connection import transaction, unavailable
from qntx.storage.sqlite.migrate import open_database
from qntx_recruiting.application import APPLICATION
from qntx_recruiting.model.attestation import Attestation
from qntx_recruiting.model.recruiting import (
    Candidate,
    CandidateScore,
    Evidence,
    Extraction,
    JobDescription,
    ModelUsage,
    Role,
    Saved,
)
from qntx_recruiting.storage.sqlite import attestations as claims

_encode = msgspec.json.encode
_JD_COLUMNS = (
    "id, role_id, source, source_kind, content_hash, title, company, location, text, "
    "extraction, posting, job_id, created_at, updated_at"
)
_SCORE_COLUMNS = (
    "jd_id, candidate_id, scorer, score, qualified, threshold, reasoning, evidence, "
    "job_id, scored_at"
)
_INSERT_USAGE = (
    "INSERT INTO ai_model_usage (operation_type, entity_type, entity_id, model_name, "
    "model_provider, model_config, request_timestamp, response_timestamp, tokens_used, cost, "
    "success, error_message, metadata, created_at) VALUES (:operation_type, :entity_type, "
    ":entity_id, :model_name, :model_provider, :model_config, :request_timestamp, "
    ":response_timestamp, :tokens_used, :cost, :success, :error_message, :metadata, :created_at)"
)


class SqliteRecruiting:
    """
    The recruiting store in the database at *path*; the connection is opened at first use.

    Every method raises StoreUnavailable when the database cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def save_ingestion(
        self, role: Role, jd: JobDescription, attestations: Sequence[Attestation]
    ) -> Saved:
        """
        Store a role, its job description and what is claimed about them, in one transaction.

        A text that is known keeps its id and its role's, and claims that name the given *jd.id* or
        *role.id* are stored under the ids that are kept. A claim that was made before with the
        same words by the same actors is not stored again.
        """
        now = iso(now_us())
        with self._writing() as connection:
            role_id = _upsert_role(connection, role, now)
            jd_id = _upsert_jd(connection, jd, role_id, now)
            names = {jd.id: jd_id, role.id: role_id}
            made = {claims.words(claim) for claim in claims.of(connection, jd_id)}
            brought = [claims.renamed(claim, names) for claim in attestations]
            fresh = [claim for claim in brought if claims.words(claim) not in made]
            for claim in fresh:
                claims.insert(connection, claim, now)
            stored = _one_jd(connection, jd_id)
        return Saved(jd=stored, new=jd_id == jd.id, claims_added=len(fresh))

    def get_jd(self, jd_id: str) -> JobDescription:
        """The job description *jd_id*; raises NotFound."""
        with self._reading() as connection:
            return _one_jd(connection, jd_id)

    def list_jds(self, *, limit: int = 100) -> list[JobDescription]:
        """Job descriptions, the most recently ingested first."""
        sql = f"SELECT {_JD_COLUMNS} FROM job_descriptions ORDER BY updated_at DESC, id LIMIT ?"
        with self._reading() as connection:
            return [_jd(row) for row in connection.execute(sql, (limit,))]

    def attestations_of(self, subject: str) -> list[Attestation]:
        """What is claimed about *subject* (in any case), oldest claim first."""
        with self._reading() as connection:
            return claims.of(connection, subject)

    def save_candidates(self, candidates: Iterable[Candidate]) -> int:
        """Store *candidates*, replacing those with the same ids; returns how many."""
        now = iso(now_us())
        rows = [
            (c.id, c.name, c.headline, c.location, c.years_experience, _text(c), now, now)
            for c in candidates
        ]
        sql = (
            "INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "name = excluded.name, headline = excluded.headline, location = excluded.location, "
            "years_experience = excluded.years_experience, profile = excluded.profile, "
            "updated_at = excluded.updated_at"
        )
        with self._writing() as connection:
            connection.executemany(sql, rows)
        return len(rows)

    def list_candidates(self) -> list[Candidate]:
        """All candidates, by id."""
        with self._reading() as connection:
            rows = connection.execute("SELECT profile FROM candidates ORDER BY id").fetchall()
        return [msgspec.json.decode(str(profile), type=Candidate) for (profile,) in rows]

    def save_score(self, score: CandidateScore) -> None:
        """Store one score; a newer one by the same scorer replaces it."""
        columns = ", ".join("?" * 10)
        sql = f"INSERT OR REPLACE INTO candidate_scores ({_SCORE_COLUMNS}) VALUES ({columns})"
        with self._writing() as connection:
            connection.execute(
                sql,
                (
                    score.jd_id,
                    score.candidate_id,
                    score.scorer,
                    score.score,
                    score.qualified,
                    score.threshold,
                    score.reasoning,
                    _text(score.evidence),
                    score.job_id,
                    iso(now_us()),
                ),
            )

    def scores_of(self, jd_id: str, *, job_id: str | None = None) -> list[CandidateScore]:
        """The scores against *jd_id*, the best first; only those of *job_id* if it is given."""
        sql = (
            f"SELECT {_SCORE_COLUMNS} FROM candidate_scores WHERE jd_id = ?1 "
            "AND (?2 IS NULL OR job_id = ?2) ORDER BY score DESC, candidate_id"
        )
        with self._reading() as connection:
            return [_score(row) for row in connection.execute(sql, (jd_id, job_id))]

    def record_usage(self, usage: ModelUsage) -> None:
        """Note one call of a language model."""
        fields = msgspec.structs.asdict(usage)
        fields["model_config"] = _text(usage.model_config)
        fields["metadata"] = _text(usage.metadata)
        fields["created_at"] = iso(now_us())
        with self._writing() as connection:
            connection.execute(_INSERT_USAGE, fields)

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        if self._connection is None:
            self._connection = open_database(self._path, applications=[APPLICATION])
        try:
            yield self._connection
        except apsw.Error as error:
            raise unavailable(self._path, error) from error

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        with self._reading() as connection, transaction(connection):
            yield connection


def _upsert_role(connection: apsw.Connection, role: Role, now: str) -> str:
    key = "\x1f".join(part.casefold() for part in (role.title, role.company, role.location))
    sql = (
        "INSERT INTO roles VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (role_key) DO UPDATE SET updated_at = excluded.updated_at RETURNING id"
    )
    row = (role.id, key, role.title, role.company, role.location, now, now)
    return _first(connection.execute(sql, row))


def _upsert_jd(connection: apsw.Connection, jd: JobDescription, role_id: str, now: str) -> str:
    sql = (
        f"INSERT INTO job_descriptions ({_JD_COLUMNS}) VALUES ({', '.join('?' * 14)}) "
        "ON CONFLICT (content_hash) DO UPDATE SET role_id = excluded.role_id, "
        "source = excluded.source, source_kind = excluded.source_kind, title = excluded.title, "
        "company = excluded.company, location = excluded.location, "
        "extraction = excluded.extraction, posting = excluded.posting, "
        "job_id = excluded.job_id, updated_at = excluded.updated_at RETURNING id"
    )
    row = (
        jd.id,
        role_id,
        jd.source,
        jd.source_kind,
        jd.content_hash,
        jd.title,
        jd.company,
        jd.location,
        jd.text,
        _text(jd.extraction),
        _text(jd.posting),
        jd.job_id,
        now,
        now,
    )
    return _first(connection.execute(sql, row))


def _one_jd(connection: apsw.Connection, jd_id: str) -> JobDescription:
    sql = f"SELECT {_JD_COLUMNS} FROM job_descriptions WHERE id = ?"
    for row in connection.execute(sql, (jd_id,)):
        return _jd(row)
    raise NotFound(f"unknown job description {jd_id} - list them to see their ids")


def _jd(row: tuple[Any, ...]) -> JobDescription:
    fields = dict(zip(_JD_COLUMNS.split(", "), row, strict=True))
    fields["extraction"] = msgspec.json.decode(fields["extraction"], type=Extraction)
    fields["posting"] = msgspec.json.decode(fields["posting"])
    return JobDescription(**fields)


def _score(row: tuple[Any, ...]) -> CandidateScore:
    fields = dict(zip(_SCORE_COLUMNS.split(", "), row, strict=True))
    fields["evidence"] = msgspec.json.decode(fields["evidence"], type=tuple[Evidence, ...])
    fields["qualified"] = bool(fields["qualified"])
    return CandidateScore(**fields)


def _text(value: object) -> str:
    return _encode(value).decode()


def _first(cursor: apsw.Cursor) -> str:
    # All rows are read: an INSERT … RETURNING that is not stepped to its end keeps a lock.
    ((value,),) = cursor.fetchall()
    return str(value)
