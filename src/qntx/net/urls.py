"""The one parser of web addresses: what it returns is what is checked, connected to and logged."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

import idna
import msgspec

from qntx.errors import FetchError

MAX_URL_CHARS = 8_192
_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<authority>[^/?#]*)"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::(?P<port>[0-9]{1,5}))?")
# A password must not get into an error message, and so into a log.
_USER_INFO = re.compile(r"^([^/?#]*[/\\]{2})[^/?#]*@")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_\-]{0,61}[a-z0-9_])?")
# What internationalised names accept as a dot, beside the dot.
_OTHER_DOTS = frozenset("\u3002\uff0e\uff61")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


class WebUrl(msgspec.Struct, frozen=True):
    """A parsed http or https address; *host* is ASCII, without brackets and trailing dot."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def hostport(self) -> str:
        """``host:port``, as it is written in the list of allowed hosts."""
        return f"{self._bracketed}:{self.port}"

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port."""
        return self._bracketed if self.port == _DEFAULT_PORTS[self.scheme] else self.hostport

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(text: str) -> WebUrl:
    """
    Parse *text* strictly; whatever two parsers could read in two ways is refused.

    Raises FetchError for other schemes, user names, backslashes, white space, control characters,
    number-like hosts that are no plain IPv4 address, and non-ASCII digits.
    """
    _refuse_user_info(text)
    _check_characters(text)
    match = _URL.fullmatch(text)
    if match is None:
        raise FetchError(f"{text!r} is not a web address - write it as https://host/path")
    scheme = match["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise FetchError(f"cannot fetch {text}: only http and https are read, not {scheme!r}")
    authority = _AUTHORITY.fullmatch(match["authority"])
    if authority is None:
        raise FetchError(f"cannot fetch {text}: it has no usable host - write https://host/path")
    target = quote(match["path"] or "/", safe="/%:@!$&'()*+,;=~-._")
    if match["query"] is not None:
        target += "?" + quote(match["query"], safe="/%:@!$&'()*+,;=~-._?[]{}|^`\"")
    return WebUrl(scheme, _host(text, authority["host"]), _port(text, authority, scheme), target)


def follow(base: WebUrl, location: str) -> WebUrl:
    """
    Where a redirect from *base* leads.

    Raises FetchError when the target is unusable or would leave https for http.
    """
    _refuse_user_info(location)
    _check_characters(location)
    try:
        joined = urljoin(str(base), location)
    except ValueError as error:
        raise FetchError(
            f"cannot fetch {base}: it redirects to {location!r}, which is not a valid "
            f"address ({error})"
        ) from None
    target = parse(joined)
    if base.scheme == "https" and target.scheme == "http":
        raise FetchError(f"cannot fetch {base}: it redirects from https to plain {target}")
    return target


def _refuse_user_info(text: str) -> None:
    if _USER_INFO.search(text):
        shown = _USER_INFO.sub(r"\1…@", text)
        raise FetchError(
            f"cannot fetch {shown}: it has a user name or password - write it as https://host/path"
        )


def _check_characters(text: str) -> None:
    if len(text) > MAX_URL_CHARS:
        raise FetchError(f"the address {text[:80]!r}… is longer than {MAX_URL_CHARS} characters")
    for char in text:
        if char == "\\" or char.isspace() or not char.isprintable():
            raise FetchError(
                f"cannot fetch {text!r}: it contains {char!r} - remove it or percent-encode it"
            )


def _port(text: str, authority: re.Match[str], scheme: str) -> int:
    port = int(authority["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65_536:
        raise FetchError(f"cannot fetch {text}: {port} is not a valid port - use 1 to 65535")
    return port


def _host(text: str, host: str) -> str:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except AddressValueError:
            raise FetchError(f"cannot fetch {text}: {host} is no IPv6 address") from None
    name = (host if host.isascii() else _idna(text, host)).lower().removesuffix(".")
    labels = name.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return _ipv4(text, name)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise FetchError(f"cannot fetch {text}: {host!r} is not a valid host name")
    return name


def _ipv4(text: str, name: str) -> str:
    try:
        return str(IPv4Address(name))
    except AddressValueError:
        raise FetchError(
            f"cannot fetch {text}: {name!r} is an unusual way to write an IP address - "
            "write it as four decimal numbers"
        ) from None


def _idna(text: str, host: str) -> str:
    # A circled or full-width digit becomes an ASCII one in some resolvers: never let it through.
    folded = unicodedata.normalize("NFKC", host)
    look_alike = len(folded) != len(host) or any(
        a != b and b.isascii() for a, b in zip(host, folded, strict=True)
    )
    if look_alike or not _OTHER_DOTS.isdisjoint(host):
        raise FetchError(f"cannot fetch {text}: {host!r} contains look-alikes of ASCII characters")
    try:
        return idna.encode(unicodedata.normalize("NFC", host)).decode("ascii")
    except idna.IDNAError as error:
        raise FetchError(
            f"cannot fetch {text}: {host!r} is not a valid host name ({error})"
        ) from None
