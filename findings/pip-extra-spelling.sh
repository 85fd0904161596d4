#!/usr/bin/env bash
# An extra that is spelt with another separator installs nothing, with pips up to 23.2.1.
#
# jusText 3.0.2 requires lxml[html_clean]; lxml 6.1.3 provides the extra as html-clean. The two are one name by PEP 685
# (names of extras are normalised before they are compared). pip 23.2.1, which came with Python 3.11.5 to 3.11.7 and
# 3.12.0 to 3.12.1, compares them as they are written: it warns, installs lxml without the extra, ends with success -
# and `import justext` (so `import trafilatura`, too) fails. pip 23.3 installs lxml_html_clean.
#
# So a package that is imported through such a dependency is better named among one's own requirements.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

try() { # VERSION-OF-PIP → what pip said of lxml, and whether jusText can be imported
    python3 -m venv "$folder/$1"
    local python="$folder/$1/bin/python"
    "$python" -m pip install --quiet --disable-pip-version-check "pip==$1" 2>/dev/null
    "$python" -m pip install --disable-pip-version-check jusText==3.0.2 lxml==6.1.3 2>&1 |
        grep -E '^(WARNING: lxml|Successfully)' | tr '\n' ' '
    "$python" -c 'import justext; print("| imported")' 2>/dev/null || echo "| ImportError"
}

old=$(try 23.2.1)
new=$(try 23.3)
echo "pip 23.2.1: $old"
echo "pip 23.3:   $new"
[[ $old == *"does not provide the extra 'html_clean'"*"Successfully installed"*"| ImportError" ]]
[[ $new == *lxml_html_clean*"| imported" ]]
echo "as described"
