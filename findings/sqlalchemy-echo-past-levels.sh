#!/usr/bin/env bash
# A logger of SQLAlchemy says that INFO is off, and sends INFO records all the same.
#
# With create_engine(echo=True), SQLAlchemy 2.1.9 calls Logger._log itself and asks nobody. With the root logger at WARNING
# and "sqlalchemy.engine" at ERROR, isEnabledFor(INFO) is False; each statement still reaches the handlers of the program
# with level INFO. Setting the level of any logger later changes nothing; only logging.disable() is heeded. Whoever wants to
# know what a program logs cannot go by the levels of its loggers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.1.9 2>/dev/null
cat > "$folder/echo.py" <<'PYTHON'
import logging

import sqlalchemy

seen = []


class Keep(logging.Handler):
    def emit(self, record):
        seen.append(f"{record.levelname} {record.getMessage()}")


logging.basicConfig(level=logging.WARNING, handlers=[Keep()])
engine = sqlalchemy.create_engine("sqlite://", echo=True)
engine.connect().close()
for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.engine.Engine"):
    logging.getLogger(name).setLevel(logging.ERROR)
print("enabled for INFO:", logging.getLogger("sqlalchemy.engine.Engine").isEnabledFor(logging.INFO))
seen.clear()
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("select 1"))
print("at ERROR:", [line for line in seen if "select" in line])
seen.clear()
logging.disable()
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("select 2"))
print("disabled:", seen)
PYTHON
said=$("$folder/venv/bin/python" "$folder/echo.py" 2>/dev/null | grep -v "sqlalchemy.engine.Engine ")
echo "$said"
[[ $said == "enabled for INFO: False
at ERROR: ['INFO select 1']
disabled: []" ]]
echo "as described"
