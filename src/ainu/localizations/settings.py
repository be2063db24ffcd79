"""Settings for reading localization files, and the rows of the sample sheet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CrosstalkSettings:
    """Subtraction of crosstalk between the channels of one file: `ingest.crosstalk`.

    Attributes
    ----------
    fractions : dict of str to dict of str to float
        Share of the molecules of a channel that are found in another, as A to B to share.
    radius_nm : float
        Radius within which the channels' densities are counted, nm.
    """

    fractions: dict[str, dict[str, float]]
    radius_nm: float


@dataclass(frozen=True)
class AlignmentSettings:
    """Chromatic alignment of the channels: `ingest.alignment`.

    Attributes
    ----------
    method : str
        "beads" (an affine transformation) or "cross_correlation" (a shift).
    bead_table : str, optional
        Method beads: a table with the columns bead, channel, x_nm, y_nm.
    reference : str, optional
        The channel that stays where it is; None: the sample's first.
    pixel_nm, reach_nm : float
        Method cross_correlation: pixel of the images and largest shift along an axis, nm.
    """

    method: str
    bead_table: str | None
    reference: str | None
    pixel_nm: float
    reach_nm: float


@dataclass(frozen=True)
class ReadingSettings:
    """How localization files are read: the config's `ingest` but for `on_bad_file`.

    Attributes
    ----------
    pixel_size_nm : float, optional
        Camera pixel where the sheet does not give it, nm.
    columns : str, optional
        Column mapping of format `table` where the sheet does not give it.
    use_corrected : bool
        Take the positions that a file's own drift correction gave.
    crosstalk : CrosstalkSettings, optional
        None: no subtraction.
    alignment : AlignmentSettings, optional
        None: channels stay where they are.
    """

    pixel_size_nm: float | None
    columns: str | None
    use_corrected: bool
    crosstalk: CrosstalkSettings | None
    alignment: AlignmentSettings | None


@dataclass(frozen=True)
class IngestSettings(ReadingSettings):
    """The config's `ingest`.

    Attributes
    ----------
    on_bad_file : str
        What happens when a file cannot be read: "fail" or "skip", once datasets are assembled.
    """

    on_bad_file: str


@dataclass(frozen=True)
class SheetRow:
    """A row of the sample sheet, as far as reading the file needs it: text, empty where nothing is given.

    Attributes
    ----------
    path : str
    format : str
        A reader's name; empty: recognised by the content.
    pixel_size_nm : str
        Camera pixel, nm.
    channels : str
        `PolII`, or `1:PolII,2:DNA`.
    columns : str
        For format `table`: `x=x_col[nm],y=y_col[nm],...`.
    """

    path: str
    format: str
    pixel_size_nm: str
    channels: str
    columns: str
