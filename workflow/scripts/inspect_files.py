"""Show how each localization file of the sheet is understood."""

from ainu.errors import job
from ainu.localizations.inspection import inspect_sheet
from ainu.localizations.settings import ReadingSettings, SheetRow
from ainu.typed import typed

with job(snakemake.log[0]):
    rows = [typed(SheetRow, row) for row in snakemake.params.rows]
    inspect_sheet(rows, snakemake.output[0], typed(ReadingSettings, snakemake.params.settings))
