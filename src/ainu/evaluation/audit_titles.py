"""Titles of the audits, in the order of the report."""

TITLES = {
    "confounders": "Counts, area and recording alone",
    "features": "Hand-made spatial features",
    "equal_counts": "Network on equal counts",
    "merged_blinks": "Network on merged blinks",
    "outline": "Network on the outline alone",
    "replicate": "Replicate within a class",
}
