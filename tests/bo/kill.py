"""Run by test_campaign in a process of its own: kill -9 during tell, again and again, and count what is lost."""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mi_widgets.bo import Search


def pool() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(-1, 1, (150, 3)), columns=["a", "b", "c"])
    return X, (X.a**2 + np.sin(3 * X.b) + X.a * X.c).to_numpy()


def child(path: Path, pipe: int) -> None:
    """Tell as fast as it goes, saying each time that it was told."""
    X, y = pool()
    search = Search.open(path, X)
    os.write(pipe, b"ready\n")
    done = told_of(search)
    for k in range(140):
        if k not in done:
            search.tell(k, y[k])
            os.write(pipe, f"{k}\n".encode())


def told_of(search: Search) -> set[int]:
    return {int(k) for k in search.trials().candidate.values} if search.n_told else set()


def main(folder: str, rounds: int) -> None:
    X, _ = pool()
    random.seed(0)
    path = Path(folder) / "campaign.jsonl"
    Search.open(path, X, seed=7, acquisition="thompson").close()
    acknowledged: set[int] = set()
    lost = half = unequal = 0
    for k in range(rounds):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            child(path, write)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as lines:
            lines.readline()  # it is telling
            seen = [lines.readline() for _ in range(random.randrange(4))]
            time.sleep(random.uniform(0, 0.003))  # somewhere in the next one
            os.kill(pid, signal.SIGKILL)
            seen += lines.read().split(b"\n")[:-1]
            acknowledged |= {int(line) for line in seen if line.strip().isdigit()}
        os.waitpid(pid, 0)
        half += not path.read_bytes().endswith(b"\n")
        with Search.open(path, X) as search:
            lost += len(acknowledged - told_of(search))
            if k % 7 == 0 and search.n_told >= 5:
                fresh = replayed(search, X)
                unequal += search.ask(3) != fresh.ask(3)
                unequal += not np.array_equal(search.posterior()["mean"], fresh.posterior()["mean"])
            n = search.n_told
    sys.stdout.write(json.dumps({"rounds": rounds, "told": n, "lost": lost, "half": half, "unequal": unequal}))


def replayed(search: Search, X: pd.DataFrame) -> Search:
    """A search in memory that was told the same."""
    fresh = Search(X, seed=7, acquisition="thompson")
    trials = search.trials()
    for label, value in zip(trials.candidate.values, trials.value.values, strict=True):
        fresh.tell(int(label), float(value))
    return fresh


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore", message=".*half written.*")
    main(sys.argv[1], int(sys.argv[2]))
