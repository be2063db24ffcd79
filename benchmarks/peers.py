"""The programs that benchmarks compare with, in an environment of their own: ours stays free of PyQt6 and the like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(os.environ.get("AINU_PEERS") or Path(__file__).resolve().parent / ".peers")
"""Where the environment is; `AINU_PEERS` names one that several clones share."""
REQUIREMENTS = ("picassosr==0.11.3", "comet-smlm==1.2.0", "locan>=0.22")


def python_of_peers() -> Path:
    """The Python that imports picasso, comet and locan; made with pip on first use (minutes)."""
    python, done = FOLDER / "bin" / "python", FOLDER / "installed.txt"
    wanted = "\n".join(REQUIREMENTS)
    if not done.is_file() or done.read_text(encoding="utf-8") != wanted:
        print(f"making {FOLDER} (once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        done.write_text(wanted, encoding="utf-8")
    return python


if __name__ == "__main__":
    print(python_of_peers())
