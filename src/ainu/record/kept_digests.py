"""Digests of code, kept from one start of Snakemake to the next: every job of a cluster starts it once more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ainu.files import read_json, write_json
from ainu.record.code_digest import PACKAGE, code_digest


def code_digests(scripts: Path, kept: Path) -> dict[str, str]:
    """Digest of every script of a folder, and of all that it imports from this package.

    Parameters
    ----------
    scripts : Path
        Folder of Python files.
    kept : Path
        Where the digests lie from the last time; written anew where a byte of the scripts or the package has changed,
        or where it cannot be read.

    Returns
    -------
    dict of str to str
        By the name of the script, as `code_digest.code_digest` gives it.

    Raises
    ------
    AinuError
        As for `code_digest`.
    """
    state = _digest_of_bytes((scripts, PACKAGE))
    with suppress(OSError, ValueError, KeyError, TypeError):
        before = read_json(kept)
        if before["bytes"] == state:
            return {str(name): str(digest) for name, digest in before["digests"].items()}
    found = {script.stem: code_digest(script) for script in sorted(scripts.glob("*.py"))}
    with suppress(OSError):  # another start of Snakemake writes the same
        write_json(kept, {"bytes": state, "digests": found})
    return found


def _digest_of_bytes(folders: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                content = file.read_bytes()
                digest.update(f"{file.relative_to(folder).as_posix()}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
