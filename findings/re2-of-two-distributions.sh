#!/usr/bin/env bash
# Two distributions bring a module re2, both can be installed at once, and nobody says so.
#
# pyre2 0.3.14 is a file re2.*.so, google-re2 1.1.20251105 a folder re2/: pip installs both without a word, in either order,
# "pip check" finds nothing, and Python imports the folder. Code that was written for pyre2 (flags as re has them,
# set_fallback_notification) fails with AttributeError as soon as some other package asks for google-re2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
look='import re2; print(re2.__name__, hasattr(re2, "UNICODE"), hasattr(re2, "set_fallback_notification"))'
google=google-re2==1.1.20251105 pyre2=pyre2==0.3.14

try() { # REQUIREMENTS, in this order → whether it is pyre2's module that is imported
    python3 -m venv --clear "$folder/venv"
    for requirement; do
        "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$requirement" 2>/dev/null
    done
    "$folder/venv/bin/pip" check
    "$folder/venv/bin/python" -c "$look"
}

alone=$(try $pyre2)
after=$(try $pyre2 $google)
before=$(try $google $pyre2)
printf 'pyre2:\n%s\npyre2, google-re2:\n%s\ngoogle-re2, pyre2:\n%s\n' "$alone" "$after" "$before"
[[ $alone == 'No broken requirements found.'$'\n''re2 True True' ]]
[[ $after == 'No broken requirements found.'$'\n''re2 False False' ]]
[[ $before == "$after" ]]
echo "as described"
