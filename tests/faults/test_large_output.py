"""Large lines and many at once: exact, in order, in little memory, and never the job's end."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.data_directory import stored
from tests.support.effort import times
from tests.support.programs import run_program

pytestmark = pytest.mark.timeout(180)

SIZE = 40_000_000
#: What every program may use: how much memory a call takes at its peak, in bytes.
PEAK = """
def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
def taken(call):
    open("/proc/self/clear_refs", "w").write("5")  # the peak is what there is now
    before = peak()
    call()
    return peak() - before
"""

#: A line of `SIZE` bytes on each of the ways, and what its message is made of.
LARGE = {
    "print": ("print(text)", "z"),
    "print, two bytes a character": ("print(text)", "ä"),
    "print, three bytes": ("print(text)", "€"),
    "write": ("sys.stdout.write(ended)", "z"),
    "write, then the newline": ("(sys.stdout.write(text), sys.stdout.write('\\n'))", "z"),
    "in pieces": ("[print(piece, end='') for piece in pieces] and print()", "z"),
    "letters and pieces": ("[print('z', end='') for _ in range(9)] and print(rest)", "z"),
    "binary": ("sys.stdout.buffer.write(data)", "z"),
    "binary, two bytes a character": ("sys.stdout.buffer.write(data)", "ä"),
    "writelines": ("sys.stdout.writelines([text, '\\n'])", "z"),
    "emitter": ("ctx.emit.info(text)", "z"),
    "emitter, two bytes": ("ctx.emit.info(text)", "ä"),
    "logging": ("log.info(text)", "z"),
    "metadata": ("ctx.emit.info('words', more=text)", "z"),
    "metadata of logging": ("log.info('words', extra={'more': text})", "z"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_line_takes_at_most_twice_its_size(tmp_path: Path, name: str) -> None:
    call, letter = LARGE[name]
    home = tmp_path / "home"
    count = SIZE // len(letter.encode())
    done = run_program(
        home,
        f"""
        {PEAK.replace(chr(10), chr(10) + " " * 8)}
        @app.handler("x")
        def x(ctx, payload):
            log.setLevel("INFO")
            log.addHandler(logging.NullHandler())
            log.propagate = False
            text = {letter!r} * {count}
            ended = text + "\\n"
            data = ended.encode()
            rest = text[9:]
            pieces = [text[at:at + 1000] for at in range(0, len(text), 1000)]
            print("before")
            more = taken(lambda: {call})
            print("after")
            return more
        Path(home.parent / "taken").write_text(str(app.run("x")[1].result))
        """,
        stdout=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    with stored(home) as store:
        lines = store.lines()
        before, large, after = [whole for _, whole in lines]
        metadata = lines[1][0].metadata
        receipt = store.receipt()
    assert (before, after) == (b"before", b"after")
    whole = letter * count
    if "metadata" in name:
        assert large == b"words"
        assert metadata is not None
        assert metadata["more"] == whole
    else:
        assert large.decode() == whole
    assert receipt.complete
    assert receipt.accepted == 3
    assert int((tmp_path / "taken").read_text()) <= 2 * SIZE


SECRET = "ghp_" + "a1B2" * 9
#: Memory is short: the process may take so much more than it has.
SHORT_OF_MEMORY = """
        import resource
        def limit(more):
            size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + more, resource.RLIM_INFINITY))
        def unlimit():
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
"""


@pytest.mark.parametrize(
    "call",
    ["print(text)", "sys.stdout.write(ended)", "ctx.emit.info(text)", "log.info(text)"],
)
def test_a_large_line_needs_no_memory_of_its_own(tmp_path: Path, call: str) -> None:
    """It ended the process: native code that cannot have memory aborts."""
    home = tmp_path / "home"
    more = "SIZE + (24 << 20)" if "ended" in call else "24 << 20"
    done = run_program(
        home,
        f"""
        {SHORT_OF_MEMORY}
        SIZE = 100_000_000
        @app.handler("x")
        def x(ctx, payload):
            log.addHandler(logging.NullHandler())
            log.setLevel("INFO")
            log.propagate = False
            text = "z" * SIZE
            ended = text + "\\n"
            limit({more})
            {call}
            unlimit()
            print("after")
        assert app.run("x")[1].error is None
        """,
        stdout=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with stored(home) as store:
        assert [len(text) for text in store.texts()] == [100_000_000, 5]
        assert store.receipt().complete


@pytest.mark.parametrize("call", ["print(text)", "ctx.emit.info(text)", "log.info(text)"])
def test_what_finds_no_memory_is_said_and_counted_in_place(tmp_path: Path, call: str) -> None:
    """Masking a secret makes a copy; where that cannot be had the line is lost, not the job."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        {SHORT_OF_MEMORY}
        @app.handler("x")
        def x(ctx, payload):
            log.addHandler(logging.NullHandler())
            log.setLevel("INFO")
            log.propagate = False
            text = "z" * 50_000_000 + " {SECRET} " + "z" * 50_000_000
            print("before")
            limit(24 << 20)
            {call}
            print("while it is short")
            unlimit()
            print("after")
        assert app.run("x")[1].error is None
        """,
        stdout=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with stored(home) as store:
        assert store.texts() == [
            "before",
            "1 line lost here: not enough memory",
            "while it is short",
            "after",
        ]
        receipt = store.receipt()
        assert (receipt.lost, receipt.complete) == (1, False)
        assert store.status() == ("completed", "completed")


def test_many_lines_in_one_write_are_those_that_were_written(tmp_path: Path) -> None:
    """With threads, stages, signal handlers that print, all kinds of lines and pieces of lines."""
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        import json, random
        draw = random.Random(7)
        KINDS = ["", "\\r", "words", "ä € 𝄞", "x" * 9000, "y" * 300_000, "tab\\t", "://no secret"]
        def texts(word):
            lines, text = [], ""
            for number in range(60_000):
                kind = draw.choice(KINDS if number % 500 == 0 else KINDS[:4])
                lines.append(f"{word} {number} {kind}" if draw.random() < 0.8 else kind)
            return lines
        def written(lines, out):
            '''Write it in some large pieces, cut anywhere.'''
            text = "\\n".join(lines) + "\\n"
            cuts = sorted(draw.sample(range(len(text)), 6))
            for start, end in zip([0, *cuts], [*cuts, len(text)]):
                if draw.random() < 0.5:
                    out.write(text[start:end])
                else:
                    out.buffer.write(text[start:end].encode())
        @app.handler("x")
        def x(ctx, payload):
            expected = {}
            fired = 0
            def on_signal(number, frame):
                nonlocal fired
                fired += 1
                sys.stderr.write(f"signal {fired}\\n")
            def in_stage(stage, out):
                with ctx.emit.stage(stage):
                    written(expected[stage], out)
            for stage in "ab":
                expected[stage] = texts(stage)
            threads = [threading.Thread(target=in_stage, args=("b", sys.stdout))]
            signal.signal(signal.SIGALRM, on_signal)
            signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
            [thread.start() for thread in threads]
            in_stage("a", sys.stdout)
            [thread.join() for thread in threads]
            while not fired:
                signal.pause()
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.stdout.write("the rest\\nhas no newline")
            expected["signals"] = fired
            (home.parent / "expected").write_text(json.dumps(expected))
        assert app.run("x")[1].error is None
        """,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout_s=120,
    )
    assert done.returncode == 0

    expected = json.loads((tmp_path / "expected").read_text())
    with stored(home) as store:
        lines = [(line, whole.decode()) for line, whole in store.lines()]
        receipt = store.receipt()
    for stage in "ab":
        told = [t for line, t in lines if line.stage == stage and line.source == "stdout"]
        assert told == expected[stage]
    signals = [text for line, text in lines if line.source == "stderr"]
    assert sorted(signals, key=lambda text: int(text.split()[1])) == [
        f"signal {number}" for number in range(1, expected["signals"] + 1)
    ]
    rest = [t for line, t in lines if line.stage is None and line.source == "stdout"]
    assert rest == ["the rest", "has no newline"]
    assert (receipt.complete, receipt.accepted) == (True, len(lines))


def test_what_a_handler_prints_into_a_write_is_no_part_of_its_lines(tmp_path: Path) -> None:
    """Also where neither has a newline at its end."""
    home = tmp_path / "home"
    done = run_program(
        home,
        f"""
        @app.handler("x")
        def x(ctx, payload):
            fired = 0
            def on_signal(number, frame):
                nonlocal fired
                fired += 1
                sys.stdout.write(f"<{{fired}}>")
            signal.signal(signal.SIGALRM, on_signal)
            for number in range({times(10, 100)}):
                before = fired
                while fired == before:
                    signal.setitimer(signal.ITIMER_REAL, 0.001)
                    sys.stdout.write("row\\n" * 50_000 + "begun")
                    sys.stdout.write(" and ended\\n")
                sys.stdout.write("\\n")
            (home.parent / "fired").write_text(str(fired))
        assert app.run("x")[1].error is None
        """,
        stdout=subprocess.DEVNULL,
        timeout_s=120,
    )
    assert done.returncode == 0, done.stderr
    fired = int((tmp_path / "fired").read_text())
    with stored(home) as store:
        texts = store.texts()
    assert sum(text.count("<") for text in texts) == fired
    own = Counter(re.sub(r"<\d+>", "", text) for text in texts)
    assert set(own) == {"", "row", "begun and ended"}
    assert own["row"] == 50_000 * own["begun and ended"]


def test_many_lines_of_writelines_are_those_of_the_list(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = run_program(
        home,
        """
        @app.handler("x")
        def x(ctx, payload):
            sys.stdout.writelines([f"line {n}\\n" for n in range(20_000)])
            sys.stdout.writelines(f"lazy {n}\\n" for n in range(3))
            try:
                sys.stdout.writelines(["good\\n", 7, "never\\n"])
            except TypeError as error:
                print(error)
        assert app.run("x")[1].error is None
        """,
    )
    texts = [f"line {n}" for n in range(20_000)] + [f"lazy {n}" for n in range(3)]
    texts += ["good", "write() argument must be str, not int"]
    assert done.stdout.decode().splitlines() == texts
    with stored(home) as store:
        assert store.texts() == texts
        assert store.receipt().complete
