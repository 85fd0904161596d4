"""The operating system: what is asked of it, and what is said on another one."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from qntx.linux import pidfd_open

pytestmark = pytest.mark.slow


def test_importing_on_another_system_says_where_it_runs() -> None:
    program = "import sys; sys.platform = 'darwin'; import qntx"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: qntx runs on Linux")
    assert "'darwin'" in last


@pytest.mark.parametrize("has_it", [True, False], ids=["by Python", "by the system call"])
def test_a_descriptor_tells_the_end_of_a_process(
    monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    if not has_it:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        fd = pidfd_open(child.pid)
        ends = select.poll()  # not select(): a process with many files open has high numbers
        ends.register(fd, select.POLLIN)
        try:
            assert not os.get_inheritable(fd)
            assert ends.poll(0) == []
            child.communicate()
            assert [number for number, _ in ends.poll(10_000)] == [fd]
        finally:
            os.close(fd)


@pytest.mark.parametrize("has_it", [True, False], ids=["by Python", "by the system call"])
def test_a_process_that_is_gone_is_an_error(monkeypatch: pytest.MonkeyPatch, has_it: bool) -> None:
    if not has_it:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(ProcessLookupError):
        pidfd_open(child.pid)
