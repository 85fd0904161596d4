"""
What a backend does, in the words of the domain.

A backend gives a `Store`; its parts are listed there. What goes for all of them:

- Methods raise StoreUnavailable when the database cannot be used, StoreBusy when trying again may
  help, and nothing of their driver.
- A thread has its own view of the store. What it writes inside `Store.transaction` is stored
  together or not at all; what it reads inside `Store.reading` is of one moment.
- Times are stored as text in UTC (`qntx.clock.iso`) and given as it, or as microseconds (``…_us``).
"""

from qntx.storage.interfaces.changes import Changed, Changes, ChangeSignal
from qntx.storage.interfaces.coordination import Leadership, WakeUp
from qntx.storage.interfaces.exports import Exports
from qntx.storage.interfaces.jobs import Jobs, Queue
from qntx.storage.interfaces.local_file import LocalFile
from qntx.storage.interfaces.log_writer import LogWriter
from qntx.storage.interfaces.logs import Logs, Tail, Totals
from qntx.storage.interfaces.retention import Expiry
from qntx.storage.interfaces.schedules import Executions, Schedules
from qntx.storage.interfaces.search import Search
from qntx.storage.interfaces.search_index import SearchIndexWriter
from qntx.storage.interfaces.store import KeyValue, LockOwner, Store
from qntx.storage.interfaces.waits import Held, JobWaits, ModelUsage, Supervisors

__all__ = [
    "ChangeSignal",
    "Changed",
    "Changes",
    "Executions",
    "Expiry",
    "Exports",
    "Held",
    "JobWaits",
    "Jobs",
    "KeyValue",
    "Leadership",
    "LocalFile",
    "LockOwner",
    "LogWriter",
    "Logs",
    "ModelUsage",
    "Queue",
    "Schedules",
    "Search",
    "SearchIndexWriter",
    "Store",
    "Supervisors",
    "Tail",
    "Totals",
    "WakeUp",
]
