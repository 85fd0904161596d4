"""When a failed attempt is tried again: arithmetic on data, by the type of the exception."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

#: Exceptions that no retry helps: the handler, or whoever enqueued the job, made a mistake.
_HOPELESS: tuple[type[BaseException], ...] = (
    AssertionError,
    AttributeError,
    ImportError,
    NameError,
    NotImplementedError,
    SyntaxError,
    TypeError,
    KeyboardInterrupt,
    SystemExit,
)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait: *base_s*, growing by *factor* up to *limit_s*, give or take *jitter*."""

    base_s: float = 1.0
    factor: float = 2.0
    limit_s: float = 300.0
    #: Share of the wait that is random, so that failed jobs do not come back all at once.
    jitter: float = 0.2

    def wait_s(self, retry: int, chance: float | None = None) -> float:
        """
        Seconds to wait before the *retry*-th retry (from 1); never below 0.

        *chance* (0..1) stands for the dice; exponential backoff with proportional jitter.
        """
        exponent = min(max(retry, 1) - 1, 63)
        plain = min(self.base_s * self.factor**exponent, self.limit_s)
        dice = random.random() if chance is None else chance  # noqa: S311 - no secret
        return max(0.0, plain * (1 + self.jitter * (2 * dice - 1)))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a handler is tried, and after which exceptions."""

    max_attempts: int = 1
    #: Types that are worth a retry; empty: all but those that show a mistake in the code.
    retry_on: tuple[type[BaseException], ...] = ()
    backoff: Backoff = field(default_factory=Backoff)
    #: How many times a job may take its worker down before it is set apart.
    max_crashes: int = 3

    def retries(self, error: BaseException | None, retry_count: int) -> bool:
        """
        Whether to try again after *error* (None: the worker died), *retry_count* retries in.

        A group of exceptions is worth a retry when each one in it is, or when it is named itself.
        """
        if retry_count + 1 >= self.max_attempts:
            return False
        return error is None or self._worth_it(error)

    def _worth_it(self, error: BaseException) -> bool:
        if self.retry_on and isinstance(error, self.retry_on):
            return True
        if isinstance(error, BaseExceptionGroup):
            return all(self._worth_it(one) for one in error.exceptions)
        return not self.retry_on and not isinstance(error, _HOPELESS)
