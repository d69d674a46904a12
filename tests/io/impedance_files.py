"""Files as instruments write them, made from a generated spectrum; the layouts are those of the programs' exports."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.datasets import make_impedance

__all__ = ["WRITERS", "spectrum", "write"]


def spectrum() -> xr.Dataset:
    return make_impedance("R-p(R,Q)", {"R0": 20.0, "R1": 100.0, "Q1": 1e-5, "Q1_n": 0.9}, noise=0.003)


Rows = list[tuple[float, float, float]]


def _gamry(rows: Rows) -> str:
    head = (
        "EXPLAIN\nTAG\tEISPOT\nTITLE\tLABEL\tPotentiostatic EIS\tTest &Identifier\nDATE\tLABEL\t1/1/2026\tDate\n"
        "OCVCURVE\tTABLE\t2\n\tPt\tT\tVf\tAch\tOver\n\t#\ts\tV vs. Ref.\tV\tbits\n"
        "\t0\t0.25\t-3.4E-001\t0\t..........a\n"
        "\t1\t0.5\t-3.4E-001\t0\t..........a\n"
        f"ZCURVE\tTABLE\t{len(rows)}\n\tPt\tTime\tFreq\tZreal\tZimag\tZsig\tZmod\tZphz\tIdc\tVdc\tIERange\n"
        "\t#\ts\tHz\tohm\tohm\tV\tohm\t°\tA\tV\t#\n"
    )
    body = "".join(
        f"\t{k}\t{2 + k}\t{f:.9E}\t{re:.9E}\t{im:.9E}\t1.0E+000\t{abs(complex(re, im)):.6E}\t0\t1E-006\t-5E-002\t8\n"
        for k, (f, re, im) in enumerate(rows)
    )
    return head + body + "EXPERIMENTABORTED\tTOGGLE\tT\tExperiment Aborted\n"


def _biologic(rows: Rows) -> str:
    titles = "freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\t|Z|/Ohm\tPhase(Z)/deg\ttime/s\t<Ewe>/V\tcycle number\tRe(Y)/Ohm-1\t"
    first = "EC-Lab ASCII FILE\nNb header lines : 8\n\nPotentio Electrochemical Impedance Spectroscopy\n\n"
    head = [*first.split("\n"), "Electrode surface area : 0.001 cm²", titles]
    body = [
        f"{f:.9E}\t{re:.9E}\t{-im:.9E}\t{abs(complex(re, im)):.7E}\t0\t{k}\t-2.8E-004\t1.0E+000\t1.5E-002"
        for k, (f, re, im) in enumerate(rows)
    ]
    return "\n".join(head + body) + "\n"


def _autolab(rows: Rows) -> str:
    """NOVA, with the comma of a continental computer."""
    head = "Index;Frequency (Hz);Z' (Ω);-Z'' (Ω);Z (Ω);-Phase (°);Time (s)\n"
    body = []
    for k, (f, re, im) in enumerate(rows):
        z = complex(re, im)
        body.append(f"{k + 1};{f:.9E};{re:.9E};{-im:.9E};{abs(z):.9E};{-np.degrees(np.angle(z)):.6f};{k}\n")
    text = "".join(body)
    return head + text.replace(".", ",")


def _autolab_zview(rows: Rows) -> str:
    head = '"Z60W Data File: Version 1.1"\n' + '""\n' * 7 + f"0,2,0,1,0.1,10000\n{len(rows)}\n"
    titles = "\"  Freq (Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)    GD   Err   Range\"\n"
    return head + titles + "".join(f"{f:.9g},0,0,0,{re:.9g},{im:.9g},0,0,0\n" for f, re, im in rows)


def _zplot(rows: Rows) -> str:
    head = "ZPLOT2 ASCII\n  Measured Data, ZPlot:       3.2c\n  Begin User Comments:        0\n"
    titles = "  Freq(Hz)\tAmpl\tBias\tTime(Sec)\tZ'(a)\tZ''(b)\tGD\tErr\tRange\nEnd Comments\n"
    body = [f"{f:.9E}\t1E-02\t0E+00\t{k}\t{re:.9E}\t{im:.9E}\t0E+00\t0\t3\n" for k, (f, re, im) in enumerate(rows)]
    return head + titles + "".join(body)


def _csv(rows: Rows) -> str:
    return "".join(f"{f:.9e},{re:.9e},{im:.9e}\n" for f, re, im in rows)


def _titled(rows: Rows) -> str:
    return "# cell 7\nfrequency (kHz)\tRe(Z) [kΩ]\t-Im(Z) [kΩ]\n" + "".join(
        f"{f / 1e3:.9e}\t{re / 1e3:.9e}\t{-im / 1e3:.9e}\n" for f, re, im in rows
    )


def _polar(rows: Rows) -> str:
    z = [(f, complex(re, im)) for f, re, im in rows]
    lines = [f"{2 * np.pi * f:.12e} {abs(v):.12e} {np.degrees(np.angle(v)):.12e}\n" for f, v in z]
    return "omega/(rad/s)  |Z|/ohm  phase/deg\n" + "".join(lines)


#: Name -> (suffix, writer, format).
WRITERS: dict[str, tuple[str, Callable[[Rows], str], str]] = {
    "gamry": (".DTA", _gamry, "gamry"),
    "biologic": (".mpt", _biologic, "biologic"),
    "autolab nova": (".txt", _autolab, "text"),
    "autolab zview": (".txt", _autolab_zview, "zview"),
    "zplot": (".z", _zplot, "zview"),
    "csv": (".csv", _csv, "text"),
    "titled": (".tsv", _titled, "text"),
    "polar": (".dat", _polar, "text"),
}


def write(kind: str, folder: Path, ds: xr.Dataset | None = None) -> Path:
    ds = spectrum() if ds is None else ds
    suffix, writer, _ = WRITERS[kind]
    path = folder / f"{kind.replace(' ', '_')}{suffix}"
    rows = list(
        zip(
            ds.frequency.values.tolist(),
            ds.impedance_real.values.tolist(),
            ds.impedance_imag.values.tolist(),
            strict=True,
        )
    )
    path.write_text(writer(rows), encoding="latin-1" if kind in ("gamry", "biologic") else "utf-8")
    return path
