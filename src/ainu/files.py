"""Files as every stage treats them: first bytes, digest, and writing that leaves no half file that looks whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ainu.errors import AinuError

if TYPE_CHECKING:
    import pandas as pd

HEAD_BYTES = 1 << 16
DIGEST_BYTES = 1 << 20


def head(path: str | Path) -> bytes:
    """The first bytes of a file, enough to know its format.

    Parameters
    ----------
    path : path
        Any file.

    Returns
    -------
    bytes
        Up to `HEAD_BYTES`.

    Raises
    ------
    AinuError
        No such file, not readable, or empty.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(HEAD_BYTES)
    except OSError as error:
        raise AinuError(f"{path}: cannot be opened ({error.strerror})") from None
    if not start:
        raise AinuError(f"{path}: the file is empty (0 bytes)")
    return start


def sha256(path: str | Path) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    # Pieces that fit into the cache, and so large that a thread seldom asks for the lock.
    digest, buffer = hashlib.sha256(), memoryview(bytearray(DIGEST_BYTES))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path`; what is written there is renamed to `path` when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: str | Path, content: Any) -> None:
    """Write sorted, indented JSON."""
    with whole(path) as part:
        part.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read JSON."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a tab-separated table."""
    with whole(path) as part:
        table.to_csv(part, sep="\t", index=False, float_format="%.6g", lineterminator="\n")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a tab-separated table whose names (samples, labels) stay text, whatever they look like."""
    import pandas as pd  # 0.4 s, which most jobs do not need

    text = dict.fromkeys(("nucleus", "sample", "replicate", "label", "predicted", "prediction_set", "call"), str)
    return pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False, na_values={"ood": ""})
