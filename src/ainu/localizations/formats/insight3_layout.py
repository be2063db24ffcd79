"""The bytes of an Insight3 molecule list: its header and the record of a molecule, for its reader and its writer.

Field names follow storm-analysis (`sa_library/i3dtype.py`), from which the conventions come too: the centre of the
first pixel is 1.0, and `w` is twice the standard deviation in nm.
"""

import struct

import numpy as np

MAGIC = b"M425"
HEADER = struct.Struct("<4siii")
"""Magic, frames, status, number of molecules."""
RECORD = np.dtype(
    [(name, "<f4") for name in ("x", "y", "xc", "yc", "h", "a", "w", "phi", "ax", "bg", "i")]
    + [(name, "<i4") for name in ("c", "valid", "fr", "length", "link")]
    + [("z", "<f4"), ("zc", "<f4")]
)
LEFT_EDGE = 0.5
"""Where the first pixel begins, its centre being 1.0."""
