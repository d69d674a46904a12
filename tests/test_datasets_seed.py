"""A wrong seed is told in our words by whatever makes data."""

import inspect

import pytest

from mi_widgets import datasets
from mi_widgets.errors import ParameterError

MAKERS = [
    name
    for name in datasets.__all__
    if name.startswith("make_") and "seed" in inspect.signature(getattr(datasets, name)).parameters
]


@pytest.mark.parametrize("seed", ["first", -1, 0.5, True])
@pytest.mark.parametrize("name", MAKERS)
def test_a_wrong_seed_is_told(name: str, seed: object) -> None:
    with pytest.raises(ParameterError, match=f"{name}: seed must be a whole number from 0, a numpy Generator or None"):
        getattr(datasets, name)(seed=seed)


def test_every_maker_was_asked() -> None:
    assert len(MAKERS) >= 15
