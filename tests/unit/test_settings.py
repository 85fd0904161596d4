"""Which modules with handlers are loaded, and what is said of settings that cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.app import App
from qntx.config import load
from qntx.errors import BadInput
from qntx.model.job import FINAL
from qntx_recruiting.settings import (
    fetch_settings,
    file_settings,
    llm_settings,
    scoring_settings,
)
from tests.support.waiting import wait_until


@pytest.mark.parametrize(
    ("given", "modules"),
    [
        ("shop.jobs", ["shop.jobs"]),
        ("shop.jobs:app, shop.mail", ["shop.jobs:app", "shop.mail"]),
        ('["shop.jobs", "shop.mail"]', ["shop.jobs", "shop.mail"]),
        ("", []),
    ],
)
def test_modules_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: str, modules: list[str]
) -> None:
    monkeypatch.setenv("QNTX_APP", given)
    assert load().app == modules


def test_levels_of_loggers_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNTX_CAPTURE__LEVELS", '{"shop": 10, "httpx": 30}')
    assert load().capture.levels == {"shop": 10, "httpx": 30}


@pytest.mark.slow
def test_modules_by_the_command_line_lie_where_one_is(tmp_path: Path) -> None:
    (tmp_path / "shop_jobs.py").write_text(
        "import qntx\napp = qntx.App()\n@app.handler('shop.x')\ndef x(ctx, payload): pass\n"
    )
    qntx = [sys.executable, "-P", "-m", "qntx.cli", "--home", str(tmp_path / "home")]
    done = subprocess.run(
        [*qntx, "-A", "shop_jobs", "enqueue", "shop.x"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert b"JB_" in done.stdout
    wrong = subprocess.run(
        [*qntx, "-A", "shop_jbos", "enqueue", "shop.x"], cwd=tmp_path, capture_output=True
    )
    assert wrong.returncode == 1
    assert b"'shop_jbos' cannot be imported" in wrong.stderr
    assert b"Traceback" not in wrong.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["worker"]], ids=" ".join)
def test_workers_have_the_modules_of_the_command_line(tmp_path: Path, command: list[str]) -> None:
    """As the README says it: qntx -A shop.jobs serve, and then jobs for its handlers."""
    (tmp_path / "shop_jobs.py").write_text(
        "import qntx\napp = qntx.App()\n@app.handler('shop.x')\ndef x(ctx, payload): return 7\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "QNTX_APP"}
    home = tmp_path / "home"
    qntx = [sys.executable, "-P", "-m", "qntx.cli", "--home", str(home), "-A", "shop_jobs"]
    asked = subprocess.run(
        [*qntx, "enqueue", "shop.x"], cwd=tmp_path, env=environment, capture_output=True, check=True
    )
    job_id = asked.stdout.decode().strip()
    with subprocess.Popen([*qntx, *command], cwd=tmp_path, env=environment) as server:
        try:
            jobs = App(home=home).store.jobs
            wait_until(lambda: jobs.status(job_id) in FINAL, "the job ends")
            assert jobs.status(job_id) == "completed"
        finally:
            server.terminate()
        assert server.wait(30) == 0


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("QNTX_CAPTURE__LEVELS", "shop=10", "QNTX_CAPTURE__LEVELS in the environment cannot be"),
        ("QNTX_RETENTION__RULES", "7 days", "QNTX_RETENTION__RULES in the environment cannot be"),
        ("QNTX_SERVER__ALLOWED_HOSTS", "a,b", "it is no JSON (Expecting value: line 1 column 1"),
        ("QNTX_SERVER", "x", 'write lists as ["a", "b"] and groups as {"name": "value"}'),
        ("QNTX_SERVER__PORT", "99999", "setting 'server.port' cannot be used"),
        ("QNTX_SERVER__WORKERS", "-1", "setting 'server.workers' cannot be used"),
    ],
)
def test_what_the_environment_gets_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput) as caught:
        load()
    assert sentence in caught.value.message


@pytest.mark.parametrize("text", [b"x = [", b"\xff\xfe", b"[server]\nport = 1\nport = 2"])
def test_a_file_that_is_no_toml_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qntx.toml").write_bytes(text)
    with pytest.raises(BadInput, match=r"qntx\.toml cannot be read as TOML: .* - correct it there"):
        load()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[servr]\nport = 1", r"unknown setting 'servr', did you mean 'server'\?"),
        (
            "[capture]\nredcat = false",
            r"unknown setting 'capture\.redcat', did you mean 'capture\.red",
        ),
        (
            "[storage]\nzzzz = 1",
            r"unknown setting 'storage\.zzzz' - correct it in .*QNTX_STORAGE__ZZZZ",
        ),
    ],
)
def test_a_setting_that_there_is_not_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qntx.toml").write_text(toml)
    with pytest.raises(BadInput, match=said):
        load()


def test_variables_of_other_programs_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNTX_OF_SOMEBODY_ELSE", "1")
    load()


def test_sections_of_applications_are_set_like_any_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qntx.toml").write_text("[scoring]\nthreshold = 0.5\n[fetch]\ndelay_s = 2\n")
    monkeypatch.setenv("QNTX_LLM__MODEL", "by the environment")
    monkeypatch.setenv("QNTX_FETCH__ALLOW_HOSTS", '["a.example"]')
    settings = load(files={"roots": ["/srv"]})
    assert scoring_settings(settings).threshold == 0.5
    assert llm_settings(settings).model == "by the environment"
    assert file_settings(settings).roots == [Path("/srv")]
    assert fetch_settings(settings) is settings.fetch
    assert (settings.fetch.allow_hosts, fetch_settings(settings).delay_s) == (["a.example"], 2.0)


def test_sections_of_applications_have_defaults_and_can_be_changed() -> None:
    settings = load()
    assert llm_settings(settings).model == "llama3.2:3b"
    llm_settings(settings).model = "other"
    settings.fetch.allow_hosts.append("a.example")
    fetch_settings(settings).delay_s = 3.0
    settings.fetch.allow_hosts.append("b.example")
    again = load(**json.loads(settings.as_json()))  # what a worker is given
    assert llm_settings(again).model == "other"
    assert fetch_settings(again).delay_s == 3.0
    assert fetch_settings(again).allow_hosts == ["a.example", "b.example"]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[llm]\nmodle = 1", r"unknown setting 'llm\.modle', did you mean 'llm\.model'\?"),
        ("[fetch]\ndelay = 1", r"unknown setting 'fetch\.delay', did you mean 'fetch\.delay_s'\?"),
        ("[scorin]\nx = 1", r"unknown setting 'scorin', did you mean 'scoring'\?"),
        ("[scoring]\nthreshold = 'x'", r"setting 'scoring\.threshold' cannot be used"),
    ],
)
def test_a_wrong_setting_of_an_application_is_named_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qntx.toml").write_text(toml)
    with pytest.raises(BadInput, match=said):
        load()
