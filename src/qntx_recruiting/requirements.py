"""Choose how requirements are extracted: by the language model, or by the rules and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from qntx.clock import iso, now_us
from qntx_recruiting.errors import ExtractionError
from qntx_recruiting.extraction import builtin, model
from qntx_recruiting.model.recruiting import Extraction, ModelUsage
from qntx_recruiting.ports import RecruitingStore
from qntx_recruiting.settings import LlmSettings

# The HTTP client costs 0.1 s to import, and a model that is switched off never needs it.
if TYPE_CHECKING:
    from qntx_recruiting.chat import ChatClient, Completion

#: Fewer tokens than a tenth of the characters means that the server cut the prompt.
_CHARS_PER_TOKEN = 10


class Reporter(Protocol):
    """The part of an emitter that extraction speaks to."""

    def debug(self, message: str, /, **metadata: object) -> None: ...
    def info(self, message: str, /, **metadata: object) -> None: ...
    def warn(self, message: str, /, **metadata: object) -> None: ...


class Extractor:
    """Extracts requirements on behalf of one job, reporting to *emit*."""

    def __init__(
        self,
        settings: LlmSettings,
        emit: Reporter,
        store: RecruitingStore,
        job_id: str,
        *,
        check: Callable[[], None],
        on_token: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._store = store
        self._job_id = job_id
        self._check = check
        self._on_token = on_token

    def extract(self, text: str) -> Extraction:
        """
        What *text* asks for.

        A model that is off, dead, slow or confused costs one warn line, never the job.
        """
        rules = builtin.extract(text)
        if not self._settings.enabled:
            return rules
        from qntx_recruiting.chat import ChatClient

        client = ChatClient(self._settings)
        try:
            client.probe()
            checked = self._ask(client, text)
        except ExtractionError as error:
            self._emit.warn(
                f"Using the built-in extractor: {error}",
                base_url=self._settings.base_url,
                model=self._settings.model,
            )
            return rules
        if checked.dropped:
            self._emit.warn(
                f"Dropped {len(checked.dropped)} of the model's items that the text does not "
                f"support: {'; '.join(checked.dropped[:5])}",
                dropped=list(checked.dropped),
            )
        return model.merge(checked.extraction, rules)

    def _ask(self, client: ChatClient, text: str) -> model.Checked:
        messages = model.messages(text)
        self._emit.debug("Prompt for the model", messages=messages)
        requested_at = iso(now_us())
        completion: Completion | None = None
        try:
            completion = client.complete(
                messages, model.SCHEMA, on_token=self._on_token, check=self._check
            )
            self._emit.debug("Answer of the model", answer=completion.text)
            checked = model.check_answer(completion.text, text, model=self._settings.model)
        except ExtractionError as error:
            self._record(requested_at, completion, str(error))
            raise
        self._record(requested_at, completion, None)
        tokens = (completion.prompt_tokens or 0) + (completion.completion_tokens or 0)
        self._emit.info(
            f"{self._settings.model} answered in {completion.duration_ms / 1000:.1f} s "
            f"with {tokens:,} tokens",
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            duration_ms=completion.duration_ms,
        )
        self._warn_if_cut(messages, completion)
        return checked

    def _warn_if_cut(self, messages: list[dict[str, str]], completion: Completion) -> None:
        size = sum(len(message["content"]) for message in messages)
        if completion.prompt_tokens and completion.prompt_tokens * _CHARS_PER_TOKEN < size:
            self._emit.warn(
                f"The model saw only {completion.prompt_tokens:,} tokens of {size:,} characters - "
                "raise its context length (with Ollama: OLLAMA_CONTEXT_LENGTH=16384)",
                prompt_tokens=completion.prompt_tokens,
            )

    def _record(self, requested_at: str, completion: Completion | None, error: str | None) -> None:
        tokens = None
        if completion and completion.prompt_tokens is not None:
            tokens = completion.prompt_tokens + (completion.completion_tokens or 0)
        self._store.record_usage(
            ModelUsage(
                operation_type="jd-extraction",
                entity_type="job",
                entity_id=self._job_id,
                model_name=self._settings.model,
                model_provider=_host(self._settings.base_url),
                model_config={"temperature": 0, "timeout_s": self._settings.timeout_s},
                request_timestamp=requested_at,
                response_timestamp=iso(now_us()),
                tokens_used=tokens,
                success=error is None,
                error_message=error,
            )
        )


def how_extracted(settings: LlmSettings) -> str:
    """What is about to be tried: ``Extracting with llama3.2:3b (local)...``."""
    if not settings.enabled:
        return "Extracting with the built-in rules (llm.enabled is false)"
    host = _host(settings.base_url)
    local = host in ("localhost", "127.0.0.1", "::1")
    return f"Extracting with {settings.model} ({'local' if local else host})..."


def _host(base_url: str) -> str:
    return urlsplit(base_url).hostname or base_url
