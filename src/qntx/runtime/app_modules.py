"""The modules that hold an application: importing them, and finding those of one that is there."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

from qntx.errors import BadInput

#: What runs as ``__main__`` in a worker.
WORKER_MODULE = "qntx.cli.worker_process"


def import_app_module(name: str) -> ModuleType:
    """
    The module *name*, or what is in the file *name* if that ends in ``.py``; raises BadInput.

    A file is imported like a script is run: with its folder first on the Python path.
    """
    module = name
    if name.endswith(".py"):
        folder, file = os.path.split(os.path.abspath(name))
        module = file.removesuffix(".py")
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInput(
            f"module {name!r} cannot be imported: {error} - "
            "check the setting app (QNTX_APP) and the Python path"
        ) from error


def modules_with(app: object) -> list[str]:
    """
    The modules that have *app* as a variable, as `import_app_module` takes them.

    The main module is named by its file: elsewhere ``__main__`` is another one.
    """
    main = sys.modules["__main__"]
    found = []
    for name, module in list(sys.modules.items()):
        if any(value is app for value in list(getattr(module, "__dict__", {}).values())):
            # It has a second name, too: multiprocessing calls it __mp_main__.
            found.append(_main_module(module) if module is main else name)
    return [name for name in dict.fromkeys(found) if name]


def refuse_in_worker() -> None:
    """Raise BadInput in a worker process: who imports a module there must not start a server."""
    if getattr(sys.modules["__main__"].__spec__, "name", None) == WORKER_MODULE:
        raise BadInput(
            "App.serve was called by a module that a worker imports - "
            'put it below if __name__ == "__main__":'
        )


def _main_module(module: ModuleType) -> str:
    if module.__spec__ is not None:
        return module.__spec__.name
    file = getattr(module, "__file__", None)
    return os.path.abspath(file) if file else ""
