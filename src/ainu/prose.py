"""Names in a sentence, for messages and for the report."""

from collections.abc import Iterable


def listed(names: Iterable[object]) -> str:
    """`a, b and c`; a dash where there is no name."""
    *first, last = [str(name) for name in names] or ["–"]
    return f"{', '.join(first)} and {last}" if first else last
