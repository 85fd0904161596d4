"""Undo a body's content encoding in small steps, with limits on what comes out."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from qntx.errors import FetchError

STEP_BYTES = 65_536
#: Beyond this many decoded bytes a ratio above RATIO_LIMIT is a decompression bomb.
RATIO_FREE_BYTES = 1 << 20
RATIO_LIMIT = 100
MAX_ENCODINGS = 2
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class BodyDecoder:
    """Decodes the body of *url*; *encoding* is its Content-Encoding header."""

    def __init__(self, url: str, encoding: str, max_bytes: int) -> None:
        self._url = url
        self._max_bytes = max_bytes
        self._wire_bytes = 0
        self._body = bytearray()
        names = [name.strip().lower() for name in encoding.split(",")]
        names = [name for name in names if name not in ("", "identity")]
        if len(names) > MAX_ENCODINGS or any(name not in _WINDOW_BITS for name in names):
            raise FetchError(
                f"cannot read {url}: it is encoded as {encoding!r} although gzip or deflate "
                "was asked for - download it with a browser and give the file"
            )
        # The encoding applied last is named last and undone first.
        self._stages = [_Inflater(name) for name in reversed(names)]

    def feed(self, chunk: bytes) -> None:
        """Take bytes from the wire; raises FetchError as soon as a limit is passed."""
        self._wire_bytes += len(chunk)
        for piece in self._through(chunk, 0):
            self._body += piece
            size = len(self._body)
            if size > self._max_bytes or self._wire_bytes > self._max_bytes:
                raise too_large(self._url, self._max_bytes)
            if size > RATIO_FREE_BYTES and size > RATIO_LIMIT * self._wire_bytes:
                raise FetchError(
                    f"refused to read {self._url}: {self._wire_bytes:,} bytes unpack to more than "
                    f"{size:,} - that is a decompression bomb, not a page"
                )

    def finish(self) -> bytes:
        """The decoded body; raises FetchError when a compressed stream ended early."""
        if self._wire_bytes and not all(stage.complete for stage in self._stages):
            raise FetchError(
                f"cannot read {self._url}: its compressed body ended early - try again"
            )
        return bytes(self._body)

    def _through(self, data: bytes, depth: int) -> Iterator[bytes]:
        if depth == len(self._stages):
            yield data
            return
        try:
            for piece in self._stages[depth].steps(data):
                yield from self._through(piece, depth + 1)
        except zlib.error as error:
            raise FetchError(
                f"cannot read {self._url}: its compressed body is damaged ({error}) - try again"
            ) from None


class _Inflater:
    def __init__(self, name: str) -> None:
        self._name = name
        self._engine = zlib.decompressobj(_WINDOW_BITS[name])
        self._started = False

    @property
    def complete(self) -> bool:
        return self._engine.eof

    def steps(self, data: bytes) -> Iterator[bytes]:
        piece = self._inflate(data)
        while piece:
            yield piece
            piece = self._inflate(self._engine.unconsumed_tail)

    def _inflate(self, data: bytes) -> bytes:
        started, self._started = self._started, True
        try:
            return self._engine.decompress(data, STEP_BYTES)
        except zlib.error:
            if started or self._name != "deflate":
                raise
        # Some servers send "deflate" without the zlib header.
        self._engine = zlib.decompressobj(-15)
        return self._engine.decompress(data, STEP_BYTES)


def too_large(source: str, max_bytes: int) -> FetchError:
    """The error for a body above the limit."""
    return FetchError(
        f"refused to read {source}: it is larger than {max_bytes:,} bytes - "
        "give something smaller, or raise the setting fetch.max_bytes"
    )
