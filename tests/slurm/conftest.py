"""A real one-node cluster for the tests of this folder."""

from collections.abc import Iterator

import cluster
import pytest


@pytest.fixture(scope="session")
def slurm() -> Iterator[None]:
    """A cluster that runs while the tests of this folder do."""
    why = cluster.missing()
    if why:
        pytest.skip(why)
    cluster.start()
    yield
    cluster.stop()
