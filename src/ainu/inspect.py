"""How localization files are understood: `python -m ainu.inspect FILE...`, or a folder for a proposed sample sheet."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ainu.errors import AinuError
from ainu.localizations.inspection import Request, inspect_file, propose_sheet


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what each file is taken for, or a sample sheet for a folder; the exit status is 1 where nothing is read."""
    parser = argparse.ArgumentParser(prog="python -m ainu.inspect", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="FILE", type=Path, help="localization files, or one folder")
    parser.add_argument("--format", default="", help="a reader's name; by default it is recognised by the content")
    parser.add_argument("--pixel-size-nm", type=float, help="camera pixel, for files in camera pixels")
    parser.add_argument("--channels", default="", help="as in the sample sheet: PolII, or 1:PolII,2:DNA")
    parser.add_argument("--columns", default="", help="as in the sample sheet: x=pos_x[nm],y=pos_y[nm],...")
    given = parser.parse_args(arguments)
    try:
        if any(path.is_dir() for path in given.paths):
            return _folder(given.paths, given.pixel_size_nm)
        asked = (given.format, given.pixel_size_nm, given.channels, given.columns)
        told = [inspect_file(Request(str(path), *asked)) for path in given.paths]
    except AinuError as error:
        print(f"ainu: {error}", file=sys.stderr)
        return 1
    print("\n\n".join(told))
    return 1 if all("\n  not read      " in text.partition("\n  columns")[0] for text in told) else 0


def _folder(paths: Sequence[Path], pixel_size_nm: float | None) -> int:
    if len(paths) > 1:
        raise AinuError("give files, or one folder")
    rows, refused = propose_sheet(paths[0], pixel_size_nm)
    print("\n".join("\t".join(row) for row in rows))
    print("\n".join(f"left out: {why}" for why in refused), file=sys.stderr)
    return 0 if len(rows) > 1 else 1


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` has seen enough
    sys.exit(main())
