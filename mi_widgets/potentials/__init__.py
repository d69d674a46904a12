"""Interatomic potentials, given and learnt, and what atoms do in them: melts, glasses, guests."""

__all__: list[str] = []
