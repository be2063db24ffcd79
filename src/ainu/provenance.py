"""What a result was made from: the code that a job uses, and how runs are summed up."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@cache
def code_digest(*modules: str) -> str:
    """Digest of modules of this package and of all modules of it that they import.

    A rule carries it as a parameter: Snakemake reruns a job whose parameters change, but knows nothing of imports.
    Files of the package that are not Python (templates) count with the module that is named.
    """
    digest = hashlib.sha256()
    for file in sorted(_closure(modules)):
        digest.update(file.relative_to(PACKAGE).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _closure(modules: tuple[str, ...]) -> set[Path]:
    found: set[Path] = set()
    waiting = [file for module in modules for file in _files(module)]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [other for module in _imports(file) for other in _files(module)]
    return found


def _files(module: str) -> list[Path]:
    """The files of a module, given by its name below the package; all of its subpackage's, which looks them up."""
    path = PACKAGE / module.split(".")[0]
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return [path.with_suffix(".py")] if path.with_suffix(".py").is_file() else []


@cache
def _imports(file: Path) -> tuple[str, ...]:
    """Modules of the package that a file imports, also inside functions."""
    if file.suffix != ".py":
        return ()
    found = []
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "ainu":
            module = node.module.partition(".")[2]
            found += [module] if module else [name.name for name in node.names]
        elif isinstance(node, ast.Import):
            found += [name.name.partition(".")[2] for name in node.names if name.name.startswith("ainu.")]
    return tuple(found)
