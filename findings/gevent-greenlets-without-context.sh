#!/usr/bin/env bash
# What structlog has bound to the context is gone in every greenlet that gevent starts.
#
# asyncio's tasks begin with a copy of the context of the code that makes them; a greenlet (gevent 26.9.0, greenlet
# 3.5.6) begins with an empty one, in gevent.spawn as in a gevent.pool. So request ids that are bound by
# structlog.contextvars (structlog 26.1.0) stand on lines of the caller and not on those of what it spawns, without a
# warning. What carries them over is contextvars.copy_context().run as the function that is spawned.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    gevent==26.9.0 greenlet==3.5.6 structlog==26.1.0 2>/dev/null

cat > "$folder/spawn.py" <<'PYTHON'
import asyncio
import contextvars

import gevent
import gevent.pool
import structlog
from structlog.contextvars import bind_contextvars, get_contextvars

bind_contextvars(request="r-1")


async def task():
    async def inner():
        return dict(get_contextvars())

    return await asyncio.create_task(inner())


def seen():
    return dict(get_contextvars())


print("asyncio task:", asyncio.run(task()))
print("gevent.spawn:", gevent.spawn(seen).get())
print("gevent.pool: ", gevent.pool.Pool(1).spawn(seen).get())
print("copied:      ", gevent.spawn(contextvars.copy_context().run, seen).get())
PYTHON
seen=$("$folder/venv/bin/python" "$folder/spawn.py")
echo "$seen"
[[ $seen == "asyncio task: {'request': 'r-1'}"$'\n'"gevent.spawn: {}"$'\n'"gevent.pool:  {}"$'\n'"copied:       {'request': 'r-1'}" ]]
echo "as described"
