"""One program's way from a file to an image, as a process of its own: a line of JSON per step as soon as it is done.

    python chain.py PROGRAM FILE SMALL_FILE OUTPUT

A step's memory is the most that the process held during it beyond what it held before the first one (interpreter,
libraries, compiled code: each program runs once on a file of 2,000 localizations first).
"""

import ctypes
import gc
import json
import re
import sys
import time
from pathlib import Path

PIXEL_NM, VOXEL_NM = 100.0, 20.0


def held(what):
    """Bytes by a line of the process's status."""
    return 1024 * int(re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text()).group(1))


def measured(steps, path, output):
    """Run steps, each on what the one before returned, and tell time (s) and memory (bytes) of each."""
    value, base = path, None
    for name, step in steps:
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        base = held("VmRSS") if base is None else base
        wall, cpu = time.perf_counter(), time.process_time()
        value = step(value, output)
        spent = {"step": name, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps(spent | {"peak": held("VmHWM") - base}), flush=True)


def ainu_chain():
    import numpy as np

    from ainu.drift.correction import estimate_drift
    from ainu.images.render import voxelize
    from ainu.images.settings import Render
    from ainu.localizations.formats import read as formats

    def correct(table, _output):
        return estimate_drift(table).apply(table)

    def render(table, _output):
        side = 2 * max(np.ptp(table.x), np.ptp(table.y))
        return voxelize(table, Render(VOXEL_NM, VOXEL_NM * round(side / VOXEL_NM)))

    return [
        ("read", lambda path, _: formats.read(path, pixel_size_nm=PIXEL_NM)),
        ("drift", correct),
        ("render", render),
    ]


def ainu_ingest():
    from ainu.localizations.ingest import ingest_shard
    from ainu.localizations.settings import ReadingSettings

    row = {"format": "", "pixel_size_nm": str(PIXEL_NM), "channels": "A", "columns": ""}
    settings = ReadingSettings(None, None, use_corrected=False, crosstalk=None, alignment=None)
    return [("ingest", lambda path, output: ingest_shard({"s": [row | {"path": path}]}, output, settings))]


def ainu_rows():
    """The rows alone, without the digest of the file."""
    from ainu import files
    from ainu.localizations.formats import read as formats

    files.sha256 = lambda _path: ""
    return [("read", lambda path, _: formats.read(path, pixel_size_nm=PIXEL_NM))]


def ainu_digest():
    """The digest of the file alone: what reading with it cannot be faster than."""
    from ainu import files

    return [("read", lambda path, _: files.sha256(path))]


def picasso_read(path, _output):
    from picasso import io

    return io.import_ts(path, PIXEL_NM) if path.endswith(".csv") else io.load_locs(path)


def picasso_chain():
    from picasso import aim
    from picasso.render import render

    def correct(found, _output):
        locs, info, _ = aim.aim(*found)
        return locs, info

    return [
        ("read", picasso_read),
        ("drift", correct),
        ("render", lambda found, _: render(*found, disp_px_size=VOXEL_NM)),
    ]


def picasso_ingest():
    from picasso import io

    return [("ingest", lambda path, output: io.save_locs(output, *io.import_ts(path, PIXEL_NM)))]


def locan_chain():
    import locan

    def render(data, _output):
        locan.histogram(data, bin_size=VOXEL_NM, loc_properties=["position_x", "position_y"])
        return data

    return [
        ("read", lambda path, _: locan.load_thunderstorm_file(path)),
        ("render", render),
        ("drift", lambda data, _: locan.Drift(chunk_size=len(data) // 20, target="first", method="cc").compute(data)),
    ]


PROGRAMS = {
    "ainu": ainu_chain,
    "ainu ingest": ainu_ingest,
    "ainu without digest": ainu_rows,
    "ainu digest alone": ainu_digest,
    "picasso": picasso_chain,
    "picasso ingest": picasso_ingest,
    "locan": locan_chain,
}

if __name__ == "__main__":
    program, path, small, output = sys.argv[1:]
    steps = PROGRAMS[program]()
    value = small
    for _, step in steps:
        value = step(value, output)
    del value
    measured(steps, path, output)
