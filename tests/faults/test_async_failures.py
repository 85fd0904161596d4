"""Tasks and callbacks of asyncio that fail while several runs share an event loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.data_directory import stored
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(120)

FAILURES = {
    "task": "asyncio.create_task(fail(name))",
    "task of the loop": "asyncio.get_running_loop().create_task(fail(name))",
    "callback": "asyncio.get_running_loop().call_soon(fail_now, name)",
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_in_the_background_is_in_the_log_of_its_own_run(
    tmp_path: Path, name: str
) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import asyncio, gc
        from qntx.app import foreground_fields
        from qntx.recording.session import journal_of
        from qntx.model.ids import new_id
        from qntx.model.job import Claimed
        from qntx.runtime.execute import execute_async
        async def fail(name):
            raise ValueError(f"failed in {{name}}")
        def fail_now(name):
            raise ValueError(f"failed in {{name}}")
        @app.handler("x")
        async def x(ctx, name):
            with ctx.emit.stage(name):
                {FAILURES[name]}
                await asyncio.sleep(0.01)
                gc.collect()
                await everybody.wait()
        async def main():
            global everybody
            everybody = asyncio.Barrier(3)
            journal = journal_of(home)
            async def run(name):
                job = Claimed(id=new_id("JB"), handler_name="x", source="", payload=name, attempt=1)
                await execute_async(
                    app.registry.get("x"), job, journal=journal, settings=app.settings, ports={{}},
                    begin=foreground_fields(job, journal.producer),
                )
            await asyncio.gather(*map(run, ("a", "b", "c")))
        with app.indexing():
            asyncio.run(main())
        """,
    )
    assert done.returncode == 0, done.stderr.decode()
    with stored(home) as store:
        found = [
            [
                (line.stage, line.level, line.metadata["exception"]["message"])
                for line, _ in store.lines(job)
                if line.logger == "asyncio"
            ]
            for job in store.jobs
        ]
        assert found == [[(name, "error", f"failed in {name}")] for name in "abc"]
