"""Densities of states of every site: aligned, compared, clustered."""

__all__: list[str] = []
