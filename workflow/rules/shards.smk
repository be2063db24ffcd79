# Shards: the samples that one job works on, up to `voxelize`, a few of them at a time.

from functools import cache

# More than the threads of any of these jobs, for samples of uneven size.
AT_A_TIME = 16
LARGEST_SHARD = max(map(len, SETTINGS.shards.values()))


def samples_of(wildcards):
    """Samples of a shard."""
    return list(SETTINGS.shards[wildcards.shard])


def sheet_rows(wildcards):
    """Rows of the sheet of a shard's samples, by sample."""
    return {sample: SETTINGS.rows(sample) for sample in SETTINGS.shards[wildcards.shard]}


def read_rows(wildcards):
    """What `ingest` needs of them: no file is read again because its label, replicate or batch was edited."""
    needed = ("path", "format", "pixel_size_nm", "channels", "columns")
    rows = sheet_rows(wildcards).items()
    return {sample: [{key: row[key] for key in needed} for row in own] for sample, own in rows}


def stage(name):
    """The shard's file of a stage."""
    return f"results/{name}/{{shard}}.h5"


def shard_files(name, samples):
    """The files of a stage that hold the given samples."""
    shards = dict.fromkeys(SETTINGS.rows(sample)[0]["shard"] for sample in samples)
    return [f"results/{name}/{shard}.h5" for shard in shards]


def roi_pixels(wildcards):
    """ROI file or label image of each sample of a shard that has one, with the pixel (nm) of the image."""
    if CONFIG["nuclei"]["method"] not in ("roi", "labels"):
        return {}
    drawn_on, camera = CONFIG["nuclei"]["roi_pixel_nm"], CONFIG["ingest"]["pixel_size_nm"]
    rows = [row for rows in sheet_rows(wildcards).values() for row in rows if row["roi"]]
    return {row["sample"]: (row["roi"], float(drawn_on or row["pixel_size_nm"] or camera or 0)) for row in rows}


@cache
def share_at_a_time(shard):
    """Part of a shard's localization files that a job has in memory at a time, were these its largest samples."""
    samples = SETTINGS.shards[shard]
    if len(samples) <= AT_A_TIME:
        return 1.0
    sizes = sorted(sum(getsize(row["path"]) for row in SETTINGS.rows(sample)) for sample in samples)
    return sum(sizes[-AT_A_TIME:]) / max(sum(sizes), 1)


def shard_memory(factor, least=1000, tables=None):
    """Memory in MB of a shard's job from the size of its input (or of that named), more with every attempt."""

    def needed(wildcards, input, attempt):
        files = [input[name] for name in tables] if tables else input
        return int(max(least, factor * size_mb(files) * share_at_a_time(wildcards.shard)) * attempt)

    return needed


def shard_minutes(of_few):
    """Runtime of a shard's job from that of 16 samples, more with every attempt. The same for all shards, which may be
    one job array."""
    return lambda wildcards, attempt: of_few * min(8, -(-LARGEST_SHARD // AT_A_TIME)) * attempt
