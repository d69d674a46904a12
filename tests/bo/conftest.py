"""Pools with a known best."""

import numpy as np
import pandas as pd
import pytest


def bowl(X: pd.DataFrame) -> pd.Series:
    """Smooth, with one minimum and an interaction."""
    return (X.a - 0.3) ** 2 + 0.5 * (X.b + 0.2) ** 2 + 0.3 * X.a * X.b + 0.2 * np.sin(6 * X.c)


@pytest.fixture
def table() -> pd.DataFrame:
    """200 candidates with names, three features, and the value."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(-1, 1, (200, 3)), columns=["a", "b", "c"], index=[f"m{k:03d}" for k in range(200)])
    return X.assign(y=bowl(X))
