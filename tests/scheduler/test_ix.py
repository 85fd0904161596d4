"""The grammar of ix: words, quotes, flags, and errors that name the word which does not fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.errors import BadInput
from qntx_recruiting.ats.ix import IxCommand, handler_of, parse_ix, payload_of, tokens

BOTH = {"role.jd-ingestion", "role.vacancies-scraper"}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ix a  b\tc\nd", ["ix", "a", "b", "c", "d"]),
        ("ix 'a b' \"c d\"", ["ix", "a b", "c d"]),
        ("ix a'b c'd", ["ix", "ab cd"]),
        ("ix ''", ["ix", ""]),
        ('ix "it\'s"', ["ix", "it's"]),
        ("", []),
        ("   ", []),
        ("ix 'ünï cödé 🎉'", ["ix", "ünï cödé 🎉"]),
    ],
)
def test_words(code: str, words: list[str]) -> None:
    assert tokens(code) == words


@given(st.lists(st.text(st.characters(blacklist_characters="'"), max_size=12), max_size=6))
def test_quoted_words_come_back(words: list[str]) -> None:
    assert tokens(" ".join(f"'{word}'" for word in words)) == words


@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("ix https://a.example/jobs", IxCommand(target="https://a.example/jobs")),
        ("ix jd https://a.example/x", IxCommand(target="https://a.example/x", kind="jd")),
        ("ix vacancies https://a.example", IxCommand(target="https://a.example", kind="vacancies")),
        (
            "ix https://a.example/jobs --every 6h",
            IxCommand(target="https://a.example/jobs", every="6h"),
        ),
        (
            "ix --since last_run --cron '0 9 * * 1-5' jd file:///a.txt",
            IxCommand(target="file:///a.txt", kind="jd", since="last_run", cron="0 9 * * 1-5"),
        ),
        ("ix https://a.example --every=9m", IxCommand(target="https://a.example", every="9m")),
        ("ix ./jd.txt", IxCommand(target="./jd.txt")),
    ],
)
def test_commands(code: str, command: IxCommand) -> None:
    assert parse_ix(code) == command


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "the code is empty"),
        ("ax is engineer", "unknown command: ax (supported: ix)"),
        ("ix", "ix requires a URL"),
        ("ix jd", "ix jd requires a URL"),
        ("ix --since", "--since requires a value"),
        ("ix --every --cron x", "--every requires a"),
        ("ix https://a.example --no-deps", "unknown flag: --no-deps"),
        ("ix https://a.example more", "unexpected argument: more"),
        ("ix blog https://a.example", "unknown ix target: blog (supported: jd, role, vacancies)"),
        ("ix linkedin https://a.example", "ix target linkedin cannot be scheduled"),
        ("ix 'https://a.example", "unterminated quote: '"),
        ("ix https://a.example --every 1h --every 2h", "--every is given twice"),
        ("ix https://[a.example/jobs", "'https://[a.example/jobs' is not a valid address"),
        ("ix htp://a.example/jobs", "'htp://a.example/jobs' is not a web address"),
    ],
)
def test_errors_name_the_word(code: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_ix(code)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("code", "handler"),
    [
        ("ix https://a.example/jobs", "role.vacancies-scraper"),
        ("ix https://a.example/en/Careers/", "role.vacancies-scraper"),
        ("ix https://a.example/jobs/42", "role.jd-ingestion"),
        ("ix https://a.example/jobs?page=2", "role.vacancies-scraper"),
        ("ix https://a.example", "role.jd-ingestion"),
        ("ix file:///jobs.txt", "role.jd-ingestion"),
        ("ix /there/a://b.txt", "role.jd-ingestion"),
        ("ix jd https://a.example/jobs", "role.jd-ingestion"),
        ("ix role https://a.example/jobs", "role.jd-ingestion"),
        ("ix vacancies https://a.example/x", "role.vacancies-scraper"),
    ],
)
def test_the_handler_is_judged_by_the_address(code: str, handler: str) -> None:
    assert handler_of(parse_ix(code), BOTH) == handler


@pytest.mark.parametrize("code", ["ix http://[::1", "ix jd http://a]/jobs"])
def test_an_address_that_is_none_is_refused(code: str) -> None:
    with pytest.raises(BadInput, match=r"is not a valid address: .* - check"):
        handler_of(parse_ix(code), BOTH)


def test_without_a_scraper_an_address_is_a_job_description() -> None:
    command = parse_ix("ix https://a.example/jobs --since last_run")
    handler = handler_of(command, {"role.jd-ingestion"})
    assert handler == "role.jd-ingestion"
    assert payload_of(command, handler, "pulse:SP_1") == {
        "jd_url": "https://a.example/jobs",
        "actor": "pulse:SP_1",
        "since": "last_run",
    }
