"""Functions that the compiled curves need: an exponential and a logarithm that vectorise, and Faddeeva's function."""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# error_model="numpy": the check for division by zero would keep LLVM from vectorising the loops over channels.
OPTIONS: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "cache": True, "nogil": True}
INV_SQRT_PI = 1 / math.sqrt(math.pi)
LOG2_E, LN2_HIGH, LN2_LOW = 1 / math.log(2), 6.93147180369123816490e-01, 1.90821492927058770002e-10


@intrinsic
def _as_float(_context: Any, _bits: Any) -> Any:  # pragma: no cover - compiled
    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def as_bits(_context: Any, _value: Any) -> Any:  # pragma: no cover - compiled
    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@njit(inline="always", **OPTIONS)
def exp(x):
    # PyPI's llvmlite has no vector maths library: a polynomial on |r| < ln2/2 vectorises, libm's exp does not.
    x = max(x, -300.0)
    n = math.floor(x * LOG2_E + 0.5)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    p = 1.0 / 39916800
    p = p * r + 1.0 / 3628800
    p = p * r + 1.0 / 362880
    p = p * r + 1.0 / 40320
    p = p * r + 1.0 / 5040
    p = p * r + 1.0 / 720
    p = p * r + 1.0 / 120
    p = p * r + 1.0 / 24
    p = p * r + 1.0 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * _as_float((np.int64(n) + 1023) << 52)


@njit(inline="always", **OPTIONS)
def log(x):
    bits = as_bits(x)
    k = (bits - 0x3FE6A09E667F3BCD) >> 52
    m = _as_float(bits - (k << 52))
    z = (m - 1.0) / (m + 1.0)
    w = z * z
    p = 2.0 / 17
    p = p * w + 2.0 / 15
    p = p * w + 2.0 / 13
    p = p * w + 2.0 / 11
    p = p * w + 2.0 / 9
    p = p * w + 2.0 / 7
    p = p * w + 2.0 / 5
    p = p * w + 2.0 / 3
    p = p * w + 2.0
    return z * p + k * 0.6931471805599453


# D. Weideman (1994), doi:10.1137/0731077: the Faddeeva function as a polynomial, right to 1e-12 with 40 terms
N_FADDEEVA = 40
L_FADDEEVA = math.sqrt(N_FADDEEVA / math.sqrt(2))


def _faddeeva_coefficients() -> np.ndarray:
    m = 2 * N_FADDEEVA
    theta = np.arange(-m + 1, m) * np.pi / m
    t = L_FADDEEVA * np.tan(theta / 2)
    values = np.concatenate([[0.0], np.exp(-(t**2)) * (L_FADDEEVA**2 + t**2)])
    return np.ascontiguousarray(np.fft.fft(np.fft.fftshift(values)).real[1 : N_FADDEEVA + 1][::-1] / (2 * m))


FADDEEVA = _faddeeva_coefficients()


@njit(inline="always", **OPTIONS)
def faddeeva(re, im):
    """Real and imaginary part of w(re + i im), im >= 0."""
    # (L + iz) / (L - iz), iz = -im + i re
    den = (L_FADDEEVA + im) * (L_FADDEEVA + im) + re * re
    zr = ((L_FADDEEVA - im) * (L_FADDEEVA + im) - re * re) / den
    zi = 2 * L_FADDEEVA * re / den
    pr, pi = FADDEEVA[0], 0.0
    for k in range(1, N_FADDEEVA):
        pr, pi = pr * zr - pi * zi + FADDEEVA[k], pr * zi + pi * zr
    # 1 / (L - iz) = (L + im + i re) / den
    ir, ii = (L_FADDEEVA + im) / den, re / den
    qr, qi = ir * ir - ii * ii, 2 * ir * ii
    return 2 * (pr * qr - pi * qi) + INV_SQRT_PI * ir, 2 * (pr * qi + pi * qr) + INV_SQRT_PI * ii
