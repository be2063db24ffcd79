"""Small files of every format, written by hand as the vendors' programs write them, for the tests of the readers."""

import json
import struct
import zipfile
from functools import cache
from io import BytesIO

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io

from ainu.localizations.formats.writers import write
from ainu.localizations.table import Localizations

PIXEL = 100.0
N = 20


def localizations(n=N, channels=("A", "B")):
    rng = np.random.default_rng(4)
    return Localizations(
        x=rng.uniform(0, 40_000, n),
        y=rng.uniform(0, 40_000, n),
        frame=np.sort(rng.integers(0, 500, n)),
        photons=rng.gamma(3, 800, n),
        background=rng.uniform(5, 90, n),
        precision=rng.uniform(4, 30, n),
        sigma=rng.uniform(110, 190, n),
        channel=rng.integers(0, len(channels), n),
        channels=channels,
    )


def text_file(path, header, columns, separator, first=""):
    rows = [
        separator.join(f"{value:g}" if not isinstance(value, str) else value for value in row)
        for row in zip(*columns, strict=True)
    ]
    path.write_text("\n".join([first + separator.join(header), *rows]) + "\n")
    return path


ONI_SHORT = ["Channel", "Frame", "X (nm)", "Y (nm)", "Z (nm)", "Photons", "Background"]
ONI_LONG = [
    "Channel",
    "Frame",
    "X (nm)",
    "Y (nm)",
    "Z (nm)",
    "X precision (nm)",
    "Y precision (nm)",
    "X (pix)",
    "Y (pix)",
    "Z (pix)",
    "X precision (pix)",
    "Y precision (pix)",
    "Photons",
    "Background",
    "PSF Sigma X (pix)",
    "PSF Sigma Y (pix)",
    "Sigma X var",
    "Sigma Y var",
    "p-value",
]


def oni(path, table=None, long=False):
    t = table or localizations()
    zero = np.zeros(len(t))
    values = dict.fromkeys(ONI_LONG, zero) | {
        "Channel": t.channel,
        "Frame": t.frame,
        "X (nm)": t.x,
        "Y (nm)": t.y,
        "X (pix)": t.x / 117,
        "Y (pix)": t.y / 117,
        "X precision (nm)": t.precision,
        "Y precision (nm)": t.precision,
        "PSF Sigma X (pix)": t.sigma / 117,
        "PSF Sigma Y (pix)": t.sigma / 117,
        "Photons": t.photons,
        "Background": t.background,
    }
    names = ONI_LONG if long else ONI_SHORT
    return text_file(path, names, [values[name] for name in names], ",")


ELYRA = [
    "Index",
    "First Frame",
    "Number Frames",
    "Frames Missing",
    "Position X [nm]",
    "Position Y [nm]",
    "Precision [nm]",
    "Number Photons",
    "Background variance",
    "Chi square",
    "PSF half width [nm]",
    "Channel",
    "Z Slice",
]


def elyra(path, table=None):
    t = table or localizations()
    ones, index = np.ones(len(t)), np.arange(1, len(t) + 1)
    columns = [
        index,
        t.frame + 1,
        ones,
        ones,
        t.x,
        t.y,
        t.precision,
        t.photons,
        ones,
        ones,
        t.sigma,
        t.channel + 1,
        ones,
    ]
    text_file(path, ELYRA, columns, "\t")
    path.write_bytes(
        path.read_bytes().replace(b"\n", b"\r\n") + b"\0\r\r\nVoxelSizeX : 0.097 \xb5m\r\r\n\r\nROI List : \r\r\n"
    )
    return path


def rapidstorm(path, table=None, unit="nanometer"):
    t = table or localizations()
    fields = [
        ("Position-0-0", unit),
        ("Position-1-0", unit),
        ("ImageNumber-0-0", "frame"),
        ("Amplitude-0-0", "A/D count"),
        ("FitResidues-0-0", "dimensionless"),
    ]
    described = "".join(f'<field identifier="{name}" syntax="integer" unit="{of}" min="0 m" />' for name, of in fields)
    first = f'# <localizations insequence="true" repetitions="variable">{described}</localizations>'
    return text_file(path, [""], [t.x, t.y, t.frame, t.photons, np.ones(len(t))], " ", first)


def decode(path, table=None, unit="px", n=None):
    t = table or localizations(N if n is None else n)
    with h5py.File(path, "w") as file:
        data, meta = file.create_group("data"), file.create_group("meta")
        data["xyz"] = np.column_stack([t.x / 127, t.y / 117, t.x / 200 - 100]).astype("f4")
        data["xyz_sig"] = np.full((len(t), 3), 0.1, "f4")
        data["frame_ix"], data["phot"], data["bg"] = t.frame.astype("i8"), t.photons, t.background
        data["phot_cr"] = h5py.Empty("f4")
        meta.attrs["px_size"], meta.attrs["xy_unit"] = np.array([127, 117], "f4"), unit
        file.create_group("decode").attrs["version"] = "0.10.0"
    return path


def smap_columns(t):
    names = {"xnm": t.x, "ynm": t.y, "frame": t.frame + 1.0, "phot": t.photons, "bg": t.background}
    return names | {"locprecnm": t.precision, "PSFxnm": t.sigma, "channel": t.channel.astype("f4")}


def smap(path, table=None):
    t = table or localizations()
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in smap_columns(t).items():
            file[f"saveloc/loc/{name}"] = values[None]
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\x00\x02IM")
    return path


def smap_v5(path, table=None):
    t = table or localizations()
    scipy.io.savemat(path, {"saveloc": {"loc": smap_columns(t)}}, do_compression=True)
    return path


def smlm(path, table=None, member="table-0.bin", manifest=None, data=None, text=False, rows=None):
    t = table or localizations()
    columns = {"frame": t.frame.astype("i4"), "x": t.x, "y": t.y, "intensity": t.photons}
    record = np.rec.fromarrays(list(columns.values()), names=list(columns))
    form = {"type": "table", "mode": "text" if text else "binary", "headers": list(columns), "shape": [1] * 4}
    form |= {"dtype": [str(values.dtype) for values in columns.values()], "units": ["", "nm", "nm", "photons"]}
    info = {"name": member, "type": "table", "format": "f", "channel": "red", "rows": len(t) if rows is None else rows}
    described = {"format_version": "0.2", "formats": {"f": form}, "files": [info | {"offset": {"x": 0}}]}
    lines = [",".join(columns), *(",".join(str(value) for value in row) for row in record.tolist())]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(described) if manifest is None else manifest)
        archive.writestr(member, "\n".join(lines) if text else record.tobytes() if data is None else data)
    return path


def storm_analysis(path, table=None, pixel_size=PIXEL, drift=None, frames=None):
    t = table or localizations()
    with h5py.File(path, "w") as file:
        file.attrs["sa_type"] = "3D-DAOSTORM"
        if pixel_size:
            file.attrs["pixel_size"] = pixel_size
        for number in np.unique(t.frame):
            own = t[t.frame == number]
            group = file.create_group(f"fr_{number}")
            group.attrs.update({"n_locs": len(own), "dx": 0.0, "dy": 0.0, "dz": 0.0} | (drift or {}))
            group["x"], group["y"] = own.x / PIXEL - 0.5, own.y / PIXEL - 0.5
            group["sum"], group["background"] = own.photons, own.background
            group["xsigma"] = group["ysigma"] = own.sigma / PIXEL
            group["category"] = own.channel.astype("i4")
    return path


VUTARA = "image-ID,cycle,frame,probe,photon-count,psfx,psfy,x,y,z,background11,background12,valid,precisionx,precisiony"


def vutara(path, table=None):
    t = table or localizations()
    zero, one = np.zeros(len(t)), np.ones(len(t))
    columns = [zero, zero, t.frame, t.channel, t.photons, t.sigma, t.sigma, t.x, t.y, zero]
    columns += [t.background / 2, t.background / 2, one, t.precision, t.precision]
    return text_file(path, VUTARA.split(","), columns, ",")


def leica_gsd(path, table=None):
    t = table or localizations()
    zero = np.zeros(len(t))
    header = ["stackID", "frameID", "eventID", "x0", "y0", "photon_count", "z0", "type", "n_raw"]
    return text_file(path, header, [zero, t.frame, zero, t.x / PIXEL, t.y / PIXEL, t.photons, zero, zero, zero], ",")


GDSC_COMMENTS = """#Localisation Results File
#FileVersion Text.D0.E0.V4
#Calibration { "distanceCalibration": { "nmPerPixel": 100.0 } }
"""


def gdsc(path, table=None):
    t = table or localizations()
    zero = np.zeros(len(t))
    header = ["#Frame", "origX", "origY", "origValue", "Error", "Noise (photon)", "Mean (photon)"]
    header += ["Background (photon)", "Intensity (photon)", "X (px)", "Y (px)", "Z (px)", "S (px)", "Precision (nm)"]
    columns = [t.frame + 1, zero, zero, zero, zero, zero, zero, t.background, t.photons, t.x / PIXEL, t.y / PIXEL]
    return text_file(path, header, [*columns, zero, t.sigma / PIXEL, t.precision], "\t", GDSC_COMMENTS)


def malk(path, table=None):
    t = table or localizations()
    first = "# localization file (Malk format) \n# x[nm] \t\ty[nm]\t\t [frame] \t\tI[a.u.]"
    return text_file(path, [""], [t.x, t.y, t.frame, t.photons], "\t", first)


def micro_manager(path, table=None, units="NM"):
    t = table or localizations()
    scale, zero = 1 if units == "NM" else 1 / PIXEL, np.zeros(len(t))
    told = {"application_id": 1, "pixel_size": PIXEL, "nr_spots": len(t), "location_units": units}
    first = "\t".join(f"{key}: {value}" for key, value in (told | {"intensity_units": "PHOTONS"}).items()) + "\n"
    header = "molecule channel frame slice pos x y intensity background width a theta x_position y_position x_precision"
    columns = [zero + 1, t.channel + 1, t.frame + 1, zero, zero, t.x * scale, t.y * scale, t.photons, t.background]
    columns += [t.sigma, zero, zero, zero, zero, t.precision * scale]
    return text_file(path, header.split(), columns, "\t", first)


def minflux(path, table=None):
    t = table or localizations()
    iterations = np.dtype([("itr", "i4"), ("loc", "f8", (3,)), ("eco", "i4")])
    rows = np.zeros(len(t), [("itr", iterations, (3,)), ("vld", "?"), ("tid", "i4"), ("tim", "f8")])
    rows["itr"]["loc"][:, -1, 0], rows["itr"]["loc"][:, -1, 1] = t.x * 1e-9, t.y * 1e-9
    rows["itr"]["eco"][:, -1], rows["vld"], rows["tid"] = t.photons, True, np.arange(len(t))
    with open(path, "wb") as file:
        np.save(file, rows)
    return path


def pyme(path, table=None):
    t = table or localizations()
    fit = np.dtype([("A", "f4"), ("x0", "f4"), ("y0", "f4"), ("sigma", "f4"), ("background", "f4")])
    cut = np.dtype([("start", "i4"), ("stop", "i4"), ("step", "i4")])
    kinds = [("tIndex", "i4"), ("fitResults", fit), ("fitError", fit), ("slicesUsed", [("x", cut), ("y", cut)])]
    rows = np.zeros(len(t), kinds)
    rows["tIndex"], rows["fitResults"]["sigma"], rows["fitResults"]["A"] = t.frame, t.sigma, 7
    rows["fitResults"]["x0"], rows["fitResults"]["y0"] = t.x, t.y
    rows["fitError"]["x0"] = rows["fitError"]["y0"] = t.precision
    with h5py.File(path, "w") as file:
        file["FitResults"] = rows
    return path


def visp(path, table=None):
    t = table or localizations()
    rows = zip(t.x, t.y, np.zeros(len(t)), t.photons, t.frame, strict=True)
    path.write_text("".join(f"{x:.1f} {y:.1f} {z:.1f} {photons:.1f} {frame}\r\n" for x, y, z, photons, frame in rows))
    return path


@cache
def minflux_matlab(compressed=False):
    """The bytes of the same as a MATLAB file."""
    t, n = localizations(), N
    place = np.zeros((n, 3, 3))
    place[:, -1, 0], place[:, -1, 1] = t.x * 1e-9, t.y * 1e-9
    counts = np.repeat(t.photons[:, None], 3, axis=1)
    variables = {"itr": {"loc": place, "eco": counts}, "vld": np.ones((1, n), bool), "tid": np.arange(n)[None]}
    with BytesIO() as file:
        scipy.io.savemat(file, variables, do_compression=compressed)
        return file.getvalue()


def parquet(path, table=None):
    t = table or localizations()
    pq.write_table(pa.table({"x": t.x, "y": t.y, "frame": t.frame, "channel": t.channel}), path)
    return path


def own_writer(path, table=None):
    write(table or localizations(), path, pixel_size_nm=PIXEL)
    return path


FILES = {
    "insight3": ("a.bin", own_writer),
    "nstorm": ("a.txt", own_writer),
    "thunderstorm": ("a.csv", own_writer),
    "picasso": ("a_locs.hdf5", own_writer),
    "oni": ("oni.csv", oni),
    "elyra": ("elyra.txt", elyra),
    "smap": ("a_sml.mat", smap),
    "rapidstorm": ("rapid.txt", rapidstorm),
    "decode": ("emitters.h5", decode),
    "smlm": ("a.smlm", smlm),
    "storm_analysis": ("sa.hdf5", storm_analysis),
    "vutara": ("particles.csv", vutara),
    "leica_gsd": ("events.ascii", leica_gsd),
    "gdsc": ("results.xls", gdsc),
    "malk": ("malk.txt", malk),
    "micro_manager": ("spots.txt", micro_manager),
    "minflux": ("mfx.npy", minflux),
    "pyme": ("a.h5r", pyme),
    "visp": ("a.3d", visp),
    "table": ("t.parquet", parquet),
}
"""Format -> a usual file name, and what writes such a file to a path."""

TEXT = {
    "nstorm": ("\t", "X"),
    "thunderstorm": (",", "x [nm]"),
    "oni": (",", "X (nm)"),
    "elyra": ("\t", "Position X [nm]"),
}
"""Text formats with a line of names: separator, and the name of x."""

HDF5 = {
    "picasso": "locs",
    "smap": "saveloc/loc/xnm",
    "decode": "data/xyz",
    "storm_analysis": "fr_7/x",
    "pyme": "FitResults",
}
"""HDF5 formats, and what a malicious file would replace."""


def written(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    file, write = FILES[name]
    return write(folder / file)


def insight3_header(n):
    return struct.pack("<4siii", b"M425", 1, 6, n)
