"""Drift by Picasso and COMET, as a server in the peers' Python: one job (JSON) per line in, one answer per line out.

A job: {"field": NPZ, "method": "picasso aim" | "picasso rcc" | "comet", "segment": frames, "result": NPY}; the answer:
{"cpu": seconds of the processor for the estimate alone} or {"error": why}. numba compiles on a small field before the
first answer.
"""

import contextlib
import json
import sys
import time

import numpy as np
import pandas as pd
from picasso import aim, postprocess


def load(path):
    data = np.load(path)
    pixel = float(data["pixel_nm"])
    side = int(np.ceil(float(data["side_nm"]) / pixel))
    locs = pd.DataFrame({"frame": data["frame"].astype(np.uint32), "x": data["x"] / pixel, "y": data["y"] / pixel})
    locs["lpx"] = locs["lpy"] = np.float32(8 / pixel)
    locs["photons"] = np.float32(1000)
    return locs, {"Width": side, "Height": side, "Pixelsize": pixel, "Frames": int(data["frames"])}


def estimate(method, segment, locs, info):
    """(frames, 2) drift in nm."""
    pixel = info["Pixelsize"]
    if method == "comet":
        import comet

        table = np.stack([locs["x"] * pixel, locs["y"] * pixel, 0 * locs["x"], locs["frame"]], axis=1)
        drift = comet.comet_run_kd(table, 2, segment, mode="cpu", random_state=0)
        return np.asarray(drift)[:, :2]
    if method == "picasso rcc":
        drift = postprocess.undrift(locs, [info], segment, display=False)[0]
    else:
        drift = aim.aim(locs, [info], segmentation=segment)[2]
    return np.stack([drift["x"], drift["y"]], axis=1) * pixel


def warm_up():
    rng = np.random.default_rng(0)
    locs = pd.DataFrame({"frame": np.sort(rng.integers(0, 300, 3000)).astype(np.uint32)})
    locs["x"], locs["y"] = rng.uniform(1, 30, (2, 3000)).astype(np.float32)
    aim.aim(locs, [{"Width": 32, "Height": 32, "Pixelsize": 160.0, "Frames": 300}], segmentation=100)


def answer(job):
    locs, info = load(job["field"])
    start = time.process_time()
    try:
        drift = estimate(job["method"], job["segment"], locs, info)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    seconds = time.process_time() - start
    np.save(job["result"], drift)
    return {"cpu": seconds}


if __name__ == "__main__":
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        warm_up()
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=out, flush=True)
