"""Projected densities of states: one small module per code."""

from mi_widgets.io._pdos._read import read_pdos

__all__ = ["read_pdos"]
