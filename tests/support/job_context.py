"""A job context without a run: it remembers what a handler says and asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qntx.config import Settings
from qntx_recruiting.wiring import PORTS


class Recorder:
    """An emitter that remembers (stage, task, level, message, metadata) of everything said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str | None, str | None, str, str, dict[str, Any]]] = []
        self.failed: list[str] = []
        self.tokens: list[str] = []
        self._stage: str | None = None
        self._task: str | None = None

    def debug(self, message: str, /, **metadata: Any) -> None:
        self._add("debug", message, metadata)

    def info(self, message: str, /, **metadata: Any) -> None:
        self._add("info", message, metadata)

    def warn(self, message: str, /, **metadata: Any) -> None:
        self._add("warn", message, metadata)

    def progress(self, done: int, total: int | None = None) -> None:
        self._add("progress", f"{done}/{total}", {})

    def emit_candidate_match(
        self, candidate_id: str, score: float, qualified: bool, reasoning: str, metadata: Any = None
    ) -> None:
        self._add("match", reasoning, {"candidate_id": candidate_id, "score": score})

    def broadcast_llm_stream(self, task_id: str | None, content: str, **_: Any) -> None:
        self.tokens.append(content)

    @contextmanager
    def stage(self, stage: str, message: str | None = None, /, **metadata: Any) -> Iterator[None]:
        self._stage = stage
        if message is not None:
            self.info(message, **metadata)
        try:
            yield
        except BaseException:
            self.failed.append(stage)
            raise
        finally:
            self._stage = None

    @contextmanager
    def task(self, task_id: str, /, name: str | None = None) -> Iterator[None]:
        self._task = task_id
        try:
            yield
        finally:
            self._task = None

    def stages(self) -> list[str]:
        """The stages that spoke, in order."""
        return list(dict.fromkeys(line[0] for line in self.lines if line[0]))

    def messages(self, level: str, stage: str | None = None) -> list[str]:
        return [m for s, _, lv, m, _ in self.lines if lv == level and stage in (None, s)]

    def _add(self, level: str, message: str, metadata: dict[str, Any]) -> None:
        self.lines.append((self._stage, self._task, level, message, metadata))


class FakeContext:
    """A job context over the real ports of *settings*."""

    def __init__(self, settings: Settings, job_id: str = "JB_1", state: Any = None) -> None:
        self.settings = settings
        self.job_id = job_id
        self.attempt = 1 if state is None else 2
        self.state = state
        self.emit = Recorder()
        self.checkpoints: list[Any] = []
        self.slept: list[float] = []
        self.spawned: list[dict[str, Any]] = []
        self.before_check: Callable[[], None] = lambda: None
        self._adapters: dict[type, Any] = {}

    def check(self) -> None:
        self.before_check()

    def sleep(self, seconds: float) -> None:
        """Passes no time: a test asks what would be waited for."""
        self.slept.append(seconds)
        self.check()

    def spawn(self, handler_name: str, payload: Any = None, **options: Any) -> str:
        self.spawned.append({"handler_name": handler_name, "payload": payload, **options})
        return f"JB_child-{len(self.spawned)}"

    def checkpoint(self, state: Any) -> None:
        self.checkpoints.append(state)

    def get(self, port: type) -> Any:
        if port not in self._adapters:
            self._adapters[port] = PORTS[port](self.settings)
        return self._adapters[port]

    def close(self) -> None:
        for adapter in self._adapters.values():
            adapter.close()
