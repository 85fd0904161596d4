"""What goes wrong in recruiting only."""

from __future__ import annotations

from qntx.errors import QntxError


class ExtractionError(QntxError):
    """A text was read but nothing useful could be made of it."""

    code = "extraction_failed"
