"""A ticker in a process of its own, by a fast clock; tests start several, and kill them."""

from __future__ import annotations

import sys
from pathlib import Path

from qntx.scheduler.ticker import Ticker
from tests.support.schedule_bench import FastClock, make_app


def main() -> None:
    home, real_us, simulated_us, factor = sys.argv[1:]
    app = make_app(Path(home))
    clock = FastClock(int(real_us), int(simulated_us), float(factor))
    Ticker(app.settings, app.request, clock).run()


if __name__ == "__main__":
    main()
