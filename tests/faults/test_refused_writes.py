"""Jobs that take from the journal what it needs: they go on; what is lost says why."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from tests.faults.test_disk_full import on_small_disk
from tests.support.data_directory import index_rest, stored
from tests.support.programs import run_program

pytestmark = [pytest.mark.timeout(180)]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


@needs_root
def test_a_job_that_becomes_another_user_is_recorded_on(tmp_path: Path) -> None:
    """What still finds room is kept; the line that does not says that it was not allowed."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            print("before")
            os.setgid(65534)
            os.setuid(65534)
            ctx.emit.info("x" * 20_000_000)
            print("after")
            return "worked"
        assert app.run("x")[1].result == "worked"
        """,
    )
    assert done.returncode == 0, done.stderr.decode()
    index_rest(home)
    with stored(home) as store:
        assert store.status() == ("completed", "completed")
        assert store.texts() == [
            "before",
            "1 line lost here: no permission to write there",
            "after",
        ]
        receipt = store.receipt()
        assert (receipt.lost, receipt.complete) == (1, False)


@needs_root
def test_what_another_user_cannot_write_at_all_is_told_with_the_reason(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            print("before")
            os.setgid(65534)
            os.setuid(65534)
            for number in range(6_000):
                print(number, "x" * 100)
        app.run("x")
        """,
        env={"QNTX_CAPTURE__SEGMENT_BYTES": "262144"},
    )
    reason = "no permission to write there"
    assert f"lines could not be written to {home}/journal: {reason}" in done.stderr.decode()
    index_rest(home)
    with stored(home) as store:
        texts, receipt = store.texts(), store.receipt()
    assert [text for text in texts if "lost here" in text and reason in text]
    assert not receipt.complete
    assert receipt.lost >= 6_000 - len([text for text in texts if text[0].isdigit()])


@needs_root
def test_a_file_system_that_becomes_read_only_is_called_that(tmp_path: Path) -> None:
    (job,), _ = on_small_disk(
        tmp_path,
        "64m",
        """
        from qntx.storage.sqlite.migrate import open_database
        open_database(home / "qntx.db").close()
        import subprocess
        null = subprocess.DEVNULL
        elsewhere = home.parent / "journal"
        elsewhere.mkdir()
        os.system(f"mount -t tmpfs -o size=64m none {elsewhere}")
        (home / "journal").symlink_to(elsewhere)
        @app.handler("x")
        def x(ctx, payload):
            ctx.emit.info("before")
            # The mapped segment keeps a mount from becoming read-only: a new mount over it.
            os.system(f"mount -t tmpfs -o ro none {elsewhere}")
            ctx.emit.info("x" * 20_000_000)
            ctx.emit.info("after")
            # With streams of its own: none can be made for it there.
            subprocess.run(["umount", elsewhere], stdout=null, stderr=null, check=True)
        _, outcome = app.run("x")
        assert outcome.status == "completed"
        index_rest()
        report()
        """,
    )
    assert job["texts"] == ["before", "1 line lost here: read-only file system", "after"]
    assert (job["lost"], job["complete"]) == (1, False)


#: What a job may do with the limit on the size of files, and where it is set before it begins.
LIMITED = {
    "in the job": "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))",
    "in the job, for good": "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))",
    "before it": "pass",
}


def limit_files() -> None:
    """As ``ulimit -S -f 100`` in the shell that starts the program."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (102_400, resource.RLIM_INFINITY))


@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_on_the_size_of_files_ends_no_job(tmp_path: Path, name: str) -> None:
    """Also where the job takes back that Python ignores the signal, which then ends a process."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        import resource
        @app.handler("x")
        def x(ctx, payload):
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            {LIMITED[name]}
            for number in range(3_000):
                ctx.emit.info(f"line {{number}} " + "x" * (200_000 if number == 1_000 else 100))
            return "worked"
        assert app.run("x")[1].result == "worked"
        """,
        preexec_fn=limit_files if name == "before it" else None,
    )
    assert done.returncode == 0, done.stderr.decode()
    index_rest(home)
    with stored(home) as store:
        texts, receipt = store.texts(), store.receipt()
    lost = "1 line lost here: the process may not write files of that size (ulimit -f)"
    assert [text.split(" x")[0] for text in texts] == [
        lost if number == 1_000 else f"line {number}" for number in range(3_000)
    ]
    assert (receipt.lost, receipt.complete) == (1, False)
