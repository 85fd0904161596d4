"""A language model behind the OpenAI-compatible wire: ``POST {base_url}/chat/completions``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import NoReturn
from urllib.parse import urlsplit

import httpx2
import msgspec

from qntx.clock import monotonic_s
from qntx_recruiting.errors import ExtractionError
from qntx_recruiting.settings import LlmSettings

#: A model that does not even accept a connection within this time is taken for dead.
PROBE_TIMEOUT_S = 0.8
#: An answer longer than this has run away.
MAX_ANSWER_CHARS = 400_000


class Completion(msgspec.Struct, frozen=True):
    """A whole answer; token counts are None when the server does not report them."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    duration_ms: int


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None


class ChatClient:
    """
    Talks to the server in *settings*.

    Its host is set by the administrator, so it may be on this machine: the guard of fetching does
    not apply. Proxies of the environment are not used, redirects are not followed.
    """

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings

    def probe(self) -> None:
        """
        Raise ExtractionError within a second if nothing listens where the model should be.
        """
        where = urlsplit(self._settings.base_url)
        port = where.port or (443 if where.scheme == "https" else 80)
        try:
            socket.create_connection((where.hostname or "", port), PROBE_TIMEOUT_S).close()
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise ExtractionError(
                f"no language model answers at {self._settings.base_url} ({reason.lower()}) - "
                "start one (with Ollama: ollama serve) or set llm.enabled to false"
            ) from None

    def complete(
        self,
        messages: list[dict[str, str]],
        schema: dict[str, object],
        *,
        on_token: Callable[[str], None],
        check: Callable[[], None],
    ) -> Completion:
        """
        The model's answer to *messages*, asked to follow the JSON *schema*.

        *on_token* gets each piece as it arrives; *check* is called between pieces and may raise.

        Raises ExtractionError: one sentence with the server, what went wrong and the next step.
        """
        started_s = monotonic_s()
        usage = _Usage()
        pieces: list[str] = []
        size = 0
        try:
            for event in self._events(messages, schema):
                check()
                self._check_time(started_s)
                usage = event.usage or usage
                for piece in _pieces(event):
                    pieces.append(piece)
                    size += len(piece)
                    on_token(piece)
                if size > MAX_ANSWER_CHARS:
                    self._fail(
                        f"gave more than {MAX_ANSWER_CHARS:,} characters", "try another model"
                    )
        except httpx2.TimeoutException:
            self._too_slow()
        except httpx2.HTTPError as error:
            self._fail(f"broke the connection ({error or type(error).__name__})", "check its log")
        return Completion(
            "".join(pieces),
            usage.prompt_tokens,
            usage.completion_tokens,
            round((monotonic_s() - started_s) * 1000),
        )

    def _events(
        self, messages: list[dict[str, str]], schema: dict[str, object]
    ) -> Iterator[_Event]:
        body = {
            "model": self._settings.model,
            "messages": messages,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "job_requirements", "strict": True, "schema": schema},
            },
        }
        key = self._settings.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"{self._settings.base_url.rstrip('/')}/chat/completions"
        timeout = httpx2.Timeout(self._settings.timeout_s, connect=PROBE_TIMEOUT_S)
        with (
            httpx2.Client(timeout=timeout, trust_env=False) as client,
            client.stream("POST", url, json=body, headers=headers) as response,
        ):
            if response.status_code != 200:
                detail = response.read()[:300].decode("utf-8", "replace").strip()
                self._fail(
                    f"answered {response.status_code} ({detail or 'without a reason'})",
                    "check that it has the model "
                    f"(with Ollama: ollama pull {self._settings.model})",
                )
            yield from self._decoded(response)

    def _decoded(self, response: httpx2.Response) -> Iterator[_Event]:
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        if not streamed:
            yield self._event(response.read().decode("utf-8", "replace"))
            return
        for line in response.iter_lines():
            data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
            if data == "[DONE]":
                return
            if data:
                yield self._event(data)

    def _event(self, data: str) -> _Event:
        try:
            return msgspec.json.decode(data, type=_Event)
        except msgspec.DecodeError as error:
            self._fail(f"does not speak the chat completions wire ({error})", "check llm.base_url")

    def _check_time(self, started_s: float) -> None:
        if monotonic_s() - started_s > self._settings.timeout_s:
            self._too_slow()

    def _too_slow(self) -> NoReturn:
        self._fail(
            f"took longer than {self._settings.timeout_s:g} s",
            "use a smaller model or raise llm.timeout_s",
        )

    def _fail(self, what: str, next_step: str) -> NoReturn:
        raise ExtractionError(
            f"the language model {self._settings.model} at {self._settings.base_url} {what} - "
            f"{next_step}"
        ) from None


def _pieces(event: _Event) -> Iterator[str]:
    for choice in event.choices:
        part = choice.delta or choice.message
        if part is not None and part.content:
            yield part.content
