"""ATS code: what a line of it, such as ``ix https://…``, runs is for an application to say."""

from __future__ import annotations

from collections.abc import Mapping

from qntx.application import CodeResolver, load_code, unusable_code
from qntx.errors import BadInput


class Codes(dict[str, str]):
    """First word of a line of code → the name of its `CodeResolver` (``package.module:name``)."""

    def include(self, others: Mapping[str, str]) -> None:
        """Take over *others*; raises BadInput for a word that is taken."""
        for word, code in others.items():
            if self.setdefault(word, code) != code:
                raise BadInput(
                    f"ATS code that begins with {word!r} is resolved by {self[word]!r} already, "
                    f"so not by {code!r} - choose another word"
                )

    def resolver(self, code: str) -> CodeResolver:
        """What resolves the line *code*; raises BadInput when no application does."""
        word = code.split(None, 1)[0] if code.strip() else ""
        found = self.get(word)
        if found is None:
            known = ", ".join(sorted(self)) or "none"
            raise BadInput(
                unusable_code(word) or f"unknown command: {word[:80]} (supported: {known})"
            )
        resolver: CodeResolver = load_code(found, f"the ATS code {word!r}")
        return resolver
