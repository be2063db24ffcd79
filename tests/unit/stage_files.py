"""Files of the stages of one sample, for tests of what is made from them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ainu.hdf5 import new_file, write_array
from ainu.localizations.table import Localizations
from ainu.nuclei.table import Nuclei


def write_stages(
    folder: Path, table: Localizations, nuclei: Nuclei, drifts: list[tuple[int, int, dict[str, Any]]], **quality: Any
) -> dict[str, str]:
    """Write the files of sample `fov`: for each drift its first row, one past its last, and its notes; nothing moves.

    `quality` may give the reason for which each localization is dropped; none is by default.
    """
    table.save(folder / "raw.h5", "fov")
    with new_file(folder / "drift.h5") as file:
        for number, (first, last, notes) in enumerate(drifts):
            own = file.create_group(f"fov/{number}")
            write_array(own, "shift", np.zeros((0, 2), np.float32))
            write_array(own, "frame", np.zeros(0, np.int64))
            own.attrs.update(rows=(first, last), method="aim", notes=json.dumps(notes))
    with new_file(folder / "quality.h5") as file:
        group = file.create_group("fov")
        write_array(group, "reason", quality.get("reason", np.zeros(len(table), np.uint8)))
        group.attrs.update(reasons=json.dumps(["kept", "merged"]), not_applied="[]", thresholds="{}")
    with new_file(folder / "nuclei.h5") as file:
        group = file.create_group("fov")
        write_array(group, "label", nuclei.label)
        write_array(group, "mask", nuclei.mask)
        group["mask"].attrs.update(x_nm=nuclei.grid.x_nm, y_nm=nuclei.grid.y_nm, pixel_nm=nuclei.grid.pixel_nm)
        for name, values in nuclei.table.items():
            write_array(group.require_group("table"), str(name), values.to_numpy())
    return {name: str(folder / f"{name}.h5") for name in ("raw", "drift", "quality", "nuclei")}
