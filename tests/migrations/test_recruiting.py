"""What recruiting kept in an old database is read as it was."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from qntx.storage.sqlite.migrate import numbered

from .opened import RECRUITING, Frozen, Unavailable, Upgraded, ask, open_database, upgrade


def kept(old: Upgraded) -> dict[str, Any]:
    """What was frozen of recruiting; nothing in versions from before it."""
    lists = ("roles", "jds", "candidates", "scores", "attestations")
    empty = {"model_usage": {"calls": 0, "cost": 0.0}, **{name: [] for name in lists}}
    return dict(old.contents.get("recruiting", empty))


def test_every_version_but_the_first_has_recruiting(old: Upgraded) -> None:
    assert all(kept(old)[name] for name in ("roles", "jds", "candidates", "scores")) is (
        old.frozen.version > 1
    )


def test_candidates_are_listed_with_their_profiles(old: Upgraded) -> None:
    frozen = kept(old)["candidates"]
    shown = old.get("/api/pulse/candidates")["candidates"]
    assert [fields(one, of) for one, of in zip(shown, frozen, strict=True)] == frozen
    out = old.qntx("candidates", "list")
    for candidate in frozen:
        assert candidate["id"] in out
        assert candidate["name"] in out


def test_job_descriptions_are_listed_and_shown(old: Upgraded) -> None:
    frozen = kept(old)["jds"]
    roles = {role["id"]: role["title"] for role in kept(old)["roles"]}
    shown = old.get("/api/pulse/jds")["jds"]
    assert [one["id"] for one in shown] == [jd["id"] for jd in frozen]
    for one, jd in zip(shown, frozen, strict=True):
        wanted = Counter(each["importance"] for each in jd["extraction"].get("requirements", ()))
        assert (one["must_count"], one["nice_count"]) == (wanted["must"], wanted["nice"])
        assert one["role_id"] in roles
        got = old.get(f"/api/pulse/jds/{jd['id']}")["jd"]
        for name, value in jd.items():
            assert fields(got[name], value) == value, name


def test_scores_come_with_their_evidence_the_best_first(old: Upgraded) -> None:
    names = {candidate["id"]: candidate["name"] for candidate in kept(old)["candidates"]}
    for jd in kept(old)["jds"]:
        frozen = [score for score in kept(old)["scores"] if score["jd_id"] == jd["id"]]
        shown = old.get(f"/api/pulse/jds/{jd['id']}")["scores"]
        for one, score in zip(shown, frozen, strict=True):
            assert one["candidate_name"] == names[score["candidate_id"]]
            assert fields(one["score"], score) == score


def test_claims_are_found_by_any_of_their_subjects(old: Upgraded) -> None:
    frozen = kept(old)["attestations"]
    for subject in {subject for claim in frozen for subject in claim["subjects"]}:
        about = [claim for claim in frozen if subject in claim["subjects"]]
        shown = old.get("/api/pulse/attestations", subject=subject.lower())["attestations"]
        assert [claim["id"] for claim in shown] == [claim["id"] for claim in about]
        for one, claim in zip(shown, about, strict=True):
            wanted = {**claim, "attributes": claim["attributes"] or {}}
            assert fields(one, wanted) == wanted


def test_what_models_cost_is_kept(old: Upgraded) -> None:
    usage = kept(old)["model_usage"]
    rows = ask(old.home / "qntx.db", "SELECT count(*), total(cost) FROM ai_model_usage")
    assert rows == [(usage["calls"], usage["cost"])]


def fields(shown: Any, frozen: Any) -> Any:
    """Of *shown* what was frozen, in depth: what was not written then is not compared."""
    if isinstance(frozen, dict):
        return {name: fields(shown[name], value) for name, value in frozen.items()}
    if isinstance(frozen, list) and isinstance(shown, list) and len(shown) == len(frozen):
        return [fields(one, of) for one, of in zip(shown, frozen, strict=True)]
    return bool(shown) if isinstance(frozen, int) and isinstance(shown, bool) else shown


def test_tables_of_an_old_database_are_taken_over(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    ((version, _, sql),) = numbered(RECRUITING.migrations["sqlite"])
    upgrade(path)
    noted = ask(path, "SELECT application, version, name, sha256 FROM application_migrations")
    digest = hashlib.sha256(sql.encode()).hexdigest()
    assert noted == [("recruiting", version, "recruiting", digest)]
    before = ask(path, "SELECT * FROM application_migrations")
    upgrade(path)
    assert ask(path, "SELECT * FROM application_migrations") == before


def test_without_recruiting_its_tables_are_left_alone_or_not_made(
    frozen: Frozen, tmp_path: Path
) -> None:
    path = frozen.thaw(tmp_path / "home")
    tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('roles', 'candidates')"
    before = ask(path, tables)
    open_database(path).close()
    assert ask(path, tables) == before == [(0 if frozen.version == 1 else 2,)]


def test_a_database_of_a_newer_application_is_refused(frozen: Frozen, tmp_path: Path) -> None:
    path = frozen.thaw(tmp_path / "home")
    upgrade(path)
    ask(path, "INSERT INTO application_migrations VALUES('recruiting', 9, 'tomorrow', '', '')")
    with pytest.raises(Unavailable, match="schema version 9 of recruiting, this program knows up"):
        upgrade(path)
