"""NeNA by Picasso, in the peers' Python: `python peer.py FIELD.npz...`, a line of JSON (nm, seconds) per field."""

import json
import sys
import time

import numpy as np
import pandas as pd
from picasso import postprocess

if __name__ == "__main__":
    for path in sys.argv[1:]:
        data = np.load(path)
        pixel = float(data["pixel_nm"])
        locs = pd.DataFrame({"frame": data["frame"], "x": data["x"] / pixel, "y": data["y"] / pixel})
        locs["lpx"] = locs["lpy"] = np.float32(data["guess_nm"] / pixel)
        start = time.perf_counter()
        found = postprocess.nena(locs, [{"Pixelsize": pixel}])[1] * pixel
        print(json.dumps({"nm": float(found), "seconds": time.perf_counter() - start}), flush=True)
