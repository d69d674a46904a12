"""Impedance spectra, whatever instrument wrote them."""

from mi_widgets.io._impedance._read import read_impedance

__all__ = ["read_impedance"]
