"""Python loads this at its start where the folder is on PYTHONPATH: at its end, a job says which modules it has loaded.

The file `{AINU_LOADED}/{process}.json` holds the script and the modules of the package that are in `sys.modules`.
"""

import atexit
import json
import os
import sys
from multiprocessing import util
from pathlib import Path


def say() -> None:
    loaded = sorted(name for name in sys.modules if name.split(".")[0] == "ainu")
    if loaded and "AINU_LOADED" in os.environ:
        folder = Path(os.environ["AINU_LOADED"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}.json").write_text(json.dumps({"script": sys.argv[0], "modules": loaded}))


atexit.register(say)
# Workers of a pool leave without `atexit`.
util.register_after_fork(say, lambda own: util.Finalize(None, own, exitpriority=1))
