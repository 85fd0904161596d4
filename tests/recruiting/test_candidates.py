"""Candidates from files: what is read, and what is said about what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qntx.errors import BadInput
from qntx_recruiting.candidates import import_candidates, load_candidates
from qntx_recruiting.ports import RecruitingStore

KIM = {"id": "CN_1", "name": "Kim", "skills": [{"name": "Python", "years": 3}]}
LEE = {"id": "CN_2", "name": "Lee"}


def write(path: Path, *entries: object) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(entry) for entry in entries) + "\n\n", "utf-8")
    else:
        path.write_text(json.dumps(entries[0] if len(entries) == 1 else entries), "utf-8")
    return path


def test_one_a_list_lines_and_a_folder(tmp_path: Path) -> None:
    assert [c.id for c in load_candidates(write(tmp_path / "a.json", KIM))] == ["CN_1"]
    assert len(load_candidates(write(tmp_path / "list.json", KIM, LEE))) == 2
    assert len(load_candidates(write(tmp_path / "l.jsonl", KIM, LEE))) == 2
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "b.json", LEE)
    write(folder / "a.json", KIM)
    (folder / "readme.txt").write_text("not read")
    assert [c.name for c in load_candidates(folder)] == ["Kim", "Lee"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "Kim"}, "missing required field `id`"),
        ({"id": "CN_1"}, "missing required field `name`"),
        ({"id": "../../x", "name": "Kim"}, "`$.id`"),
        ({**KIM, "skills": [{"name": "Python", "years": -1}]}, "`$.skills[0].years`"),
        ({**KIM, "skills": [{"name": ""}]}, "`$.skills[0].name`"),
        ({**KIM, "languages": [{"name": "German", "level": "fluent"}]}, "`$.languages[0].level`"),
        ({**KIM, "age": 44}, "unknown field `age`"),
        ({**KIM, "gender": "f"}, "unknown field `gender`"),
        ([], "Expected `object`"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, entry: object, said: str) -> None:
    path = write(tmp_path / "lines.jsonl", KIM, entry)
    with pytest.raises(BadInput) as error:
        load_candidates(path)
    assert f"{path}, line 2 is not a usable candidate" in str(error.value)
    assert said in str(error.value)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no candidates at"):
        load_candidates(tmp_path / "missing.json")
    with pytest.raises(BadInput, match=r"holds no \.json or \.jsonl file"):
        load_candidates(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(BadInput, match=r"broken\.json is not valid JSON"):
        load_candidates(tmp_path / "broken.json")
    (tmp_path / "broken.json").unlink()
    write(tmp_path / "a.json", KIM)
    write(tmp_path / "b.json", KIM)
    with pytest.raises(BadInput, match=r"CN_1 is in .*a\.json and in .*b\.json - keep one"):
        load_candidates(tmp_path)


def test_import_replaces_by_id(tmp_path: Path, store: RecruitingStore) -> None:
    assert import_candidates(store, write(tmp_path / "a.json", KIM, LEE)) == 2
    assert import_candidates(store, write(tmp_path / "a.json", {**KIM, "name": "Kim B."})) == 1
    assert [c.name for c in store.list_candidates()] == ["Kim B.", "Lee"]
