"""Pools with a known best."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import threadpoolctl


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread() -> Iterator[None]:
    """The oracles too: threads that wait for each other on a busy machine take minutes."""
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        yield


def bowl(X: pd.DataFrame) -> pd.Series:
    """Smooth, with one minimum and an interaction."""
    return (X.a - 0.3) ** 2 + 0.5 * (X.b + 0.2) ** 2 + 0.3 * X.a * X.b + 0.2 * np.sin(6 * X.c)


@pytest.fixture
def table() -> pd.DataFrame:
    """200 candidates with names, three features, and the value."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(-1, 1, (200, 3)), columns=["a", "b", "c"], index=[f"m{k:03d}" for k in range(200)])
    return X.assign(y=bowl(X))
