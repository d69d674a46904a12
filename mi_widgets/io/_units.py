"""Names and units as files write them, turned into the vocabulary of `mi_widgets.labels`."""

import re
from typing import NamedTuple

from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["Quantity", "compound_unit", "parse_label", "plain_unit", "position_dim", "spectral_quantity"]


class Quantity(NamedTuple):
    """A spectral axis: house name, unit assumed when none is stated, readable name."""

    dim: str
    units: str
    long_name: str


# Tried in this order; the first match names the axis.
_BY_NAME: tuple[tuple[str, str, str], ...] = (
    (r"raman|stokes", "raman_shift", "Raman shift"),
    (r"wave.?number", "wavenumber", "wavenumber"),
    (r"wave.?length|^lambda$|λ", "wavelength", "wavelength"),
    (r"(two|2).?(theta|θ)", "two_theta", "2 theta"),
    (r"^m/z$|mass.?(to|/|over).?charge", "mass_to_charge", "mass to charge ratio"),
    (r"frequency|^freq$", "frequency", "frequency"),
    (r"binding|^b\.?e\.?$|^e_?b(ind)?$", "energy", "binding energy"),
    (r"kinetic|^k\.?e\.?$|^e_?k(in)?$", "energy", "kinetic energy"),
    (r"loss", "energy", "energy loss"),
    (r"photon.?energy|^hv$", "energy", "photon energy"),
    (r"energy|energies", "energy", "energy"),
    (r"^wave$", "wavenumber", "wavenumber"),
    (r"shift", "raman_shift", "Raman shift"),
    (r"^(sample.?)?bias\b|^v_?b(ias)?$", "bias", "bias"),
    (r"^time$|^delay$|arrival.?time", "time", "time"),
)
_BY_UNIT = {"eV": "energy", "1/cm": "wavenumber", "Hz": "frequency", "s": "time", "degree": "two_theta", "V": "bias"}

_SAME_UNIT = {
    "": "1", "none": "1", "undefined": "1", "-": "1", "dimensionless": "1",
    "counts": "count", "count": "count", "cts": "count", "ct": "count", "electrons": "count", "photons": "count",
    "cps": "count / s", "counts/s": "count / s", "cts/s": "count / s", "count/s": "count / s", "count / s": "count / s",
    "ev": "eV", "electronvolt": "eV", "electronvolts": "eV", "electron volt": "eV", "kev": "keV",
    "micron": "um", "microns": "um", "micrometer": "um", "micrometers": "um", "micrometre": "um", "micrometres": "um",
    "nanometer": "nm", "nanometers": "nm", "nanometre": "nm", "nanometres": "nm",
    "å": "angstrom", "\u212b": "angstrom", "ang": "angstrom", "ångström": "angstrom", "angstroms": "angstrom",
    "1/cm": "1/cm", "cm-1": "1/cm", "cm^-1": "1/cm", "cm^{-1}": "1/cm", "cm⁻¹": "1/cm", "cm**-1": "1/cm",
    "/cm": "1/cm", "cm−1": "1/cm", "1/nm": "1/nm", "1/m": "1/m", "1/ev": "1/eV",
    "°": "degree", "deg": "degree", "degrees": "degree", "degree": "degree", "sec": "s", "second": "s", "seconds": "s",
    "minutes": "minute", "hours": "hour", "day": "day", "days": "day",
    "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns",
}  # fmt: skip
_SI = re.compile(r"(?:[pnumkMGT])?(?:m|s|Hz|V|A|K|J|W|g|rad|eV)|cm|angstrom|hour|minute|count|percent|1")
_NOT_A_UNIT = re.compile(r"arb|a\.?\s?u\.?$|norm", re.IGNORECASE)


def plain_unit(text: object) -> str | None:
    """Give the unit as pint reads it; ``"1"`` for none; None when it is not known."""
    if not isinstance(text, str):
        return "1"
    unit = text.strip().strip("$<>").strip().replace("µ", "u").replace("μ", "u")
    if unit.lower() in _SAME_UNIT:
        return _SAME_UNIT[unit.lower()]
    if _NOT_A_UNIT.match(unit):
        return "1"
    return unit if _SI.fullmatch(unit) else None


def compound_unit(text: object) -> str | None:
    """Give a unit that may be a product or quotient, such as ``count * eV``; None if a part is not known."""
    known = plain_unit(text)
    if known is not None:
        return known
    parts = [part for part in re.split(r"\s*[*/()]\s*|\s+", str(text).strip()) if part]
    return str(text).strip() if parts and all(plain_unit(part) for part in parts) else None


def parse_label(text: str) -> tuple[str, str | None]:
    """Split a column title into name and unit.

    ``"Binding energy (eV)"``, ``"BE/eV"``, ``"shift [cm-1]"``, ``"wavelength_nm"``; the unit is None if none is found.
    """
    text = text.strip().strip("\"'#").strip()
    if len(text) > 1 and (whole := plain_unit(text)) not in (None, "1"):
        return text, whole
    for pattern in (r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]", r"(.*?)\s*/\s*(.+)", r"(.*?)[_ ](eV|keV|nm|um|cm-1)"):
        found = re.fullmatch(pattern, text)
        if found and found[1] and (unit := plain_unit(found[2])) is not None:
            return found[1].strip(), unit
    return text, None


def spectral_quantity(name: str, units: str | None = None) -> Quantity | None:
    """Tell which spectral quantity a name, else a unit, stands for; None if neither is known."""
    plain = name.strip().lower()
    for pattern, dim, long_name in _BY_NAME:
        if re.search(pattern, plain):
            return Quantity(dim, SPECTRAL_DIMS[dim], long_name)
    base = "eV" if units in ("keV", "meV") else ("Hz" if units and units.endswith("Hz") else units)
    dim_of_unit = _BY_UNIT.get(base or "")
    if dim_of_unit is None:
        return None
    return Quantity(dim_of_unit, SPECTRAL_DIMS[dim_of_unit], dim_of_unit.replace("_", " "))


def position_dim(name: str) -> str:
    """House name of a dimension that is not spectral: ``x``, ``y``, ``z``, else a plain lower-case word."""
    plain = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
    if found := re.fullmatch(r"([xyz])(_?(axis|position|pos|coordinate|stage|um|mm|nm))?", plain):
        return found[1]
    if re.search(r"distance", plain):
        return "x"
    if plain in ("height", "depth"):
        return plain if plain == "height" else "z"
    return plain if plain and not plain[0].isdigit() else "undefined"
