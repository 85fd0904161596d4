"""Which exceptions are worth a retry: by their type, also where they come in groups."""

from __future__ import annotations

import pytest

from qntx.model.retry import RetryPolicy

LOST, MISTAKE = ConnectionResetError("lost"), TypeError("a mistake")


@pytest.mark.parametrize(
    ("retry_on", "error", "worth_it"),
    [
        ((), LOST, True),
        ((), MISTAKE, False),
        ((ConnectionError,), LOST, True),
        ((ConnectionError,), ValueError("bad"), False),
        ((TypeError,), MISTAKE, True),
        ((), ExceptionGroup("all lost", [LOST, LOST]), True),
        ((), ExceptionGroup("one mistake", [LOST, MISTAKE]), False),
        ((ConnectionError,), ExceptionGroup("lost", [ExceptionGroup("within", [LOST])]), True),
        ((ConnectionError,), ExceptionGroup("other", [LOST, ValueError("bad")]), False),
        ((ExceptionGroup,), ExceptionGroup("named itself", [MISTAKE]), True),
        ((), BaseExceptionGroup("it exits", [SystemExit(3)]), False),
        ((ConnectionError,), None, True),
    ],
)
def test_by_type(
    retry_on: tuple[type[BaseException], ...], error: BaseException | None, worth_it: bool
) -> None:
    assert RetryPolicy(2, retry_on).retries(error, 0) == worth_it
    assert not RetryPolicy(2, retry_on).retries(error, 1)
