#!/usr/bin/env bash
# Searching a text for words takes eight times its memory, with two libraries for Aho-Corasick that are written in Rust.
#
# ahocorasick_rs 1.0.3 and daachorse 0.5.0 give positions in characters, and build a table of eight bytes for each byte
# of the text before they search, although it is plain ASCII and nothing is found. A log line of 100 MiB needs 800 MiB
# more; pyahocorasick 2.3.1 (C) copies the text with four bytes for each. Who searches large texts does so in
# overlapping windows, where memory is limited.
set -euo pipefail
times=()
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    ahocorasick_rs==1.0.3 daachorse==0.5.0 pyahocorasick==2.3.1 2>/dev/null

cat > "$folder/search.py" <<'PYTHON'
"""search.py LIBRARY: how many times its size the search of a large text takes, at its peak."""
import sys


def memory(field):
    with open("/proc/self/status") as file:
        return int(file.read().split(field + ":")[1].split()[0]) * 1024


words, text = ["password", "credential"], "an ordinary line of a log\n" * 2_000_000
if sys.argv[1] == "ahocorasick_rs":
    import ahocorasick_rs
    search = ahocorasick_rs.AhoCorasick(words).find_matches_as_indexes
elif sys.argv[1] == "daachorse":
    import daachorse
    search = daachorse.CharwiseDoubleArrayAhoCorasick(words).find
else:
    import ahocorasick
    automaton = ahocorasick.Automaton()
    for word in words:
        automaton.add_word(word, word)
    automaton.make_automaton()
    search = lambda text: list(automaton.iter(text))
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
before = memory("VmRSS")
assert len(search(text)) == 0
print(round((memory("VmHWM") - before) / len(text)))
PYTHON

for library in ahocorasick_rs daachorse pyahocorasick; do
    times[${#times[@]}]=$("$folder/venv/bin/python" "$folder/search.py" $library)
    echo "$library: ${times[-1]} times the text"
done
[[ ${times[*]} == "8 8 4" ]]
echo "as described"
