"""`App.serve`: a whole server, from a program of one's own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

import qntx
from qntx.api.security.tokens import token_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
import qntx

app = qntx.App(home=sys.argv[1], pulse={"max_calls_per_minute": 17}) if sys.argv[1:] else qntx.App()

@app.handler("shop.greets")
def greets(ctx, payload):
    print("hello", payload["name"])
    return ctx.settings.pulse.max_calls_per_minute
"""
SERVE = "app.serve(port=0, ready=lambda url: print(url, flush=True))\n"


def program(folder: Path, end: str) -> list[str]:
    """A script that declares a handler and then does *end*; and how to run it."""
    file = folder / "shop" / "greeting.py"
    file.parent.mkdir()
    file.write_text(PROGRAM + end)
    return [sys.executable, str(file), str(folder / "home")]


def test_a_script_serves_what_it_declares_until_sigterm(tmp_path: Path) -> None:
    end = f'\nif __name__ == "__main__":\n    {SERVE}    print("over", flush=True)\n'
    pipe = subprocess.PIPE
    with subprocess.Popen(program(tmp_path, end), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            token = {"Authorization": f"Bearer {token_of(tmp_path / 'home')}"}
            with httpx2.Client(base_url=url, headers=token, timeout=60) as client:
                asked = {"handler_name": "shop.greets", "payload": {"name": "Ada"}}
                made = client.post("/api/pulse/jobs", json=asked)
                path = f"/api/pulse/jobs/{made.json()['id']}"

                def job() -> dict[str, Any]:
                    return dict(client.get(path).json())

                wait_until(lambda: job()["status"] == "completed", "the job is done")
                assert job()["result"] == 17, "a worker has the settings that the program gave"
                lines = client.get(f"{path}/logs").json()["logs"]
                assert "hello Ada" in [line["message"] for line in lines]
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=90)
            assert (process.returncode, out, err) == (0, "over\n", "")
        finally:
            process.kill()


def test_a_module_that_serves_when_it_is_imported_is_told_so(tmp_path: Path) -> None:
    """Its workers would each start a server, and so on."""
    pipe = subprocess.PIPE
    with subprocess.Popen(program(tmp_path, SERVE), stderr=pipe, text=True) as process:
        try:
            assert process.stderr is not None
            wanted = 'put it below if __name__ == "__main__":'
            assert any(wanted in line for line in process.stderr)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=90)
        finally:
            process.kill()


def test_an_app_that_no_module_has_is_refused(tmp_path: Path) -> None:
    app = qntx.App(home=tmp_path / "home")
    app.handler("shop.greets")(lambda ctx, payload: None)
    with pytest.raises(qntx.BadInput, match="no module has this App"):
        app.serve(port=0)


def test_an_address_that_others_can_reach_has_to_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(qntx.BadInput, match="allow_remote"):
        qntx.App(home=tmp_path / "home").serve(host="0.0.0.0", port=0)
    assert not (tmp_path / "home").exists()
