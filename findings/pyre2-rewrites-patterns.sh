#!/usr/bin/env bash
# Two packages are imported as re2, and one of them refuses what RE2 accepts.
#
# google-re2 1.1.20251105 gives a pattern to RE2 as it is. pyre2 0.3.14 rewrites it first, for people who come from re:
# \x{e9} (RE2's way to write a character by its number) becomes something that RE2 refuses, the pattern falls back to
# Python's re, and the error is that of re: "incomplete escape \x". The same escape within brackets is left alone and
# works. Written as [\x{e9}] it means the same with both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/match.py" <<'PYTHON'
import re2

for pattern in (r"caf\x{e9}", r"caf[\x{e9}]"):
    try:
        print(pattern, "finds it" if re2.compile(pattern).search("café") else "finds nothing")
    except Exception as error:
        print(pattern, "is refused:", error)
PYTHON

try() { # REQUIREMENT → what it makes of both patterns
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "$1" 2>/dev/null
    "$folder/$1/bin/python" "$folder/match.py"
}

google=$(try google-re2==1.1.20251105)
pyre2=$(try pyre2==0.3.14)
printf 'google-re2:\n%s\npyre2:\n%s\n' "$google" "$pyre2"
[[ $google == 'caf\x{e9} finds it'$'\n''caf[\x{e9}] finds it' ]]
[[ $pyre2 == 'caf\x{e9} is refused: incomplete escape \x'*$'\n''caf[\x{e9}] finds it' ]]
echo "as described"
