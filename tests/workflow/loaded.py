"""Which modules the jobs of real runs have loaded, as they said at their end, and what their digests hold."""

import json
import os
import re
from collections import defaultdict
from pathlib import Path

from ainu.record.code_digest import PACKAGE, files_used

ROOT = Path(__file__).parents[2]
AT_EXIT = Path(__file__).parent / "at_exit"


def environment(folder: Path) -> dict[str, str]:
    """Of a run in a folder whose jobs say at their end what they have loaded."""
    return os.environ | {"PYTHONPATH": str(AT_EXIT), "AINU_LOADED": str(folder / ".loaded")}


def loaded_by(folder: Path) -> dict[str, set[str]]:
    """Modules that the jobs of a run have loaded, by the name of their script."""
    found = defaultdict(set)
    for file in (folder / ".loaded").glob("*.json"):
        said = json.loads(file.read_text())
        if script := re.fullmatch(r"tmp\w+\.(\w+)\.py", Path(said["script"]).name):
            found[script[1]] |= set(said["modules"])
    return dict(found)


def in_digest_of(script: str) -> set[str]:
    """Modules in the digest of the code of a script."""
    files = files_used(ROOT / "workflow" / "scripts" / f"{script}.py")
    return {module_of(file) for file in files if file.suffix == ".py"}


def module_of(file: Path) -> str:
    """The name of the module that a file of the package is."""
    return ".".join([PACKAGE.name, *file.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


def outside_digests(folder: Path) -> dict[str, set[str]]:
    """By script, modules that jobs have loaded and that an edit of would not run these jobs again."""
    found = {script: modules - in_digest_of(script) for script, modules in loaded_by(folder).items()}
    return {script: modules for script, modules in found.items() if modules}
