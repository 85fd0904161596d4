"""Addresses are parsed once and strictly; what could be read in two ways is refused."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.errors import FetchError
from qntx.net.addresses import refusal
from qntx.net.urls import WebUrl, follow, parse


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://Example.COM:443/Jobs?x=1#top", "https://example.com/Jobs?x=1"),
        ("http://example.com:8080/a", "http://example.com:8080/a"),
        ("http://example.com./", "http://example.com/"),
        ("http://bücher.example/ü?q=ö", "http://xn--bcher-kva.example/%C3%BC?q=%C3%B6"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("https://example.com/a%20b/c//d@e", "https://example.com/a%20b/c//d@e"),
        ("https://example.com?q=1", "https://example.com/?q=1"),
    ],
)
def test_canonical_form(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "//example.com/",
        "ftp://example.com/",
        "gopher://example.com/",
        "javascript://example.com/%0aalert(1)",
        "file:///etc/passwd",
        "http:example.com",
        "http:///example.com",
        "http://",
        "http://:80/",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1:80@example.com/",
        "http://example.com:80:80/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:٨٠/",
        "http://example.com:+80/",
        "http://example.com\\@127.0.0.1/",
        "http:\\\\127.0.0.1/",
        "http://exam ple.com/",
        "http://example.com/a b",
        "http://example.com/\r\nHost: x",
        "http://exam\tple.com/",
        "http://example.com/\x00",
        "http://example.com/\u202etxt",
        "http://①②⑦.⓪.⓪.①/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://ⓔxample.com/",
        "http://ex%61mple.com/",
        "http://127.0.0.1%2f/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://example.123/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[::ffff:127.0.0.1",
        "http://[127.0.0.1]/",
        "http://-example.com/",
        "http://exa..mple.com/",
        "http://" + "a" * 64 + ".com/",
        "http://example.com/" + "a" * 9000,
    ],
)
def test_refused_forms(text: str) -> None:
    with pytest.raises(FetchError) as error:
        parse(text)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/jobs", "http://example.com/jobs"),
        ("jobs?page=2", "http://example.com/a/jobs?page=2"),
        ("//other.example/x", "http://other.example/x"),
        ("https://example.com/", "https://example.com/"),
        ("../up", "http://example.com/up"),
    ],
)
def test_where_redirects_lead(location: str, target: str) -> None:
    assert str(follow(parse("http://example.com/a/b"), location)) == target


@pytest.mark.parametrize(
    "location",
    [
        "http://[x",
        "file:///etc/passwd",
        "gopher://x/",
        "http://u:p@x/",
        "//u@x/",
        "http://x\\y/",
        "http://a b/",
    ],
)
def test_redirects_that_are_refused(location: str) -> None:
    with pytest.raises(FetchError):
        follow(parse("http://example.com/"), location)


def test_never_from_https_to_http() -> None:
    with pytest.raises(FetchError, match=r"from https to plain http://example\.com/"):
        follow(parse("https://example.com/"), "http://example.com/")


@given(st.text(max_size=60))
def test_whatever_is_accepted_is_stable_and_ascii(text: str) -> None:
    for candidate in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            url = parse(candidate)
        except FetchError:
            continue
        assert isinstance(url, WebUrl)
        assert str(url).isascii()
        assert parse(str(url)) == url


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("0.0.0.0", "unspecified"),
        ("10.1.2.3", "private"),
        ("100.64.0.1", "shared"),
        ("100.100.100.200", "shared"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "cloud metadata"),
        ("168.63.129.16", "cloud metadata"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.8", "reserved"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "6to4"),
        ("192.168.1.1", "private"),
        ("198.18.0.1", "benchmark"),
        ("198.19.255.255", "benchmark"),
        ("203.0.113.9", "documentation"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::7f00:1", "IPv4-compatible"),
        ("::ffff:127.0.0.1", "IPv4-mapped"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("64:ff9b::a9fe:a9fe", "NAT64"),
        ("64:ff9b::808:808", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("100::1", "reserved"),
        ("2001::1", "Teredo"),
        ("2001:2::1", "reserved"),
        ("2001:10::1", "reserved"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::", "6to4"),
        ("3fff::1", "documentation"),
        ("5f00::1", "reserved"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ],
)
def test_addresses_that_are_not_public(address: str, reason: str) -> None:
    assert reason in (refusal(ip_address(address)) or "")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::1"]
)
def test_public_addresses(address: str) -> None:
    assert refusal(ip_address(address)) is None


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public(address) -> None:  # type: ignore[no-untyped-def]
    if not address.is_global or address.is_multicast:
        assert refusal(address) is not None
    if address.version == 6 and address not in ip_network("2000::/3"):
        assert refusal(address) is not None
