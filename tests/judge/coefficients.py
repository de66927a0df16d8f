"""Derives every polynomial coefficient of src/arith, and its method error, by the Remez exchange at 60 digits.

Run: python3 tests/judge/coefficients.py   (needs mpmath 1.3)

Each polynomial P replaces an analytic g on an interval; w weighs the error so that max |w (g - P)| is an
error relative to the function's result (for exp and cos: to 1, which is within a factor sqrt(2) of it).
The coefficients are then rounded to the format, and the error of the rounded polynomial is what is printed.
"""

import struct

import mpmath as mp

mp.mp.dps = 60


def remez(g, w, lo, hi, degree):
    """Coefficients c_0 .. c_degree of the minimax P for the weighted error w (g - P) on [lo, hi]."""
    n = degree + 2
    mid, half = (lo + hi) / 2, (hi - lo) / 2
    # Shifted a little, so that none falls on a zero of w.
    nodes = [mid - half * mp.cos(mp.pi * (2 * i + mp.mpf("1.2")) / (2 * n)) for i in range(n)]
    grid = [mid - half * mp.cos(mp.pi * i / 600) for i in range(601)]
    grid = [x for x in grid if abs(w(x)) > 0]
    values = [(x, g(x), w(x)) for x in grid]
    for _ in range(30):
        rows = [[x**j for j in range(degree + 1)] + [(-1) ** i / w(x)] for i, x in enumerate(nodes)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([g(x) for x in nodes]))
        coefficients = [solution[j] for j in range(degree + 1)]
        level = abs(solution[degree + 1])
        error = [(x, wx * (gx - mp.polyval(coefficients[::-1], x))) for x, gx, wx in values]
        # One extremum from each run of equal sign.
        extrema = []
        for x, e in error:
            if extrema and (e > 0) == (extrema[-1][1] > 0):
                if abs(e) > abs(extrema[-1][1]):
                    extrema[-1] = (x, e)
            else:
                extrema.append((x, e))
        while len(extrema) > n:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        assert len(extrema) == n, "the exchange lost its alternation"
        nodes = [x for x, _ in extrema]
        if max(abs(e) for _, e in extrema) < level * mp.mpf("1.001"):
            break
    return coefficients


def rounded(x, bits):
    """x rounded to the format (24 or 53 bits of significand), as a float and as its shortest literal."""
    if bits == 53:
        value = float(x)
        return value, repr(value)
    value = struct.unpack("f", struct.pack("f", float(x)))[0]
    for digits in range(1, 10):
        literal = "%.*g" % (digits, value)
        if struct.pack("f", float(literal)) == struct.pack("f", value):
            return value, literal
    raise AssertionError


def table(name, g, w, lo, hi, degree, bits):
    coefficients = [rounded(c, bits) for c in remez(g, w, mp.mpf(lo), mp.mpf(hi), degree)]
    grid = [lo + (hi - lo) * mp.mpf(i) / 2000 for i in range(2001)]
    worst = mp.mpf(0)
    for x in grid:
        if w(x) != 0:
            worst = max(worst, abs(w(x) * (g(x) - mp.polyval([c for c, _ in coefficients][::-1], x))))
    print("// %s, %d bits: method error 2^%s" % (name, bits, mp.nstr(mp.log(worst, 2), 5)))
    for _, literal in coefficients:
        print("    %s," % literal)


def pair(name, x, bits):
    """x as the sum of two numbers of the format."""
    high, high_literal = rounded(x, bits)
    print("// %s, %d bits: %s + %s" % (name, bits, high_literal, rounded(x - mp.mpf(high), bits)[1]))


def tail(x, terms, start):
    """exp's series from x^start on, divided by x^start."""
    return mp.fsum(x**k / mp.factorial(k + start) for k in range(terms))


def exp_tail(r):
    return tail(r, 45, 3)


def ln_tail(z):
    """ln((1+s)/(1-s)) = 2 s + s z G(z), z = s^2."""
    return mp.fsum(2 * z**k / (2 * k + 3) for k in range(60))


def sin_tail(y):
    """sin(2 pi f) = 2 pi f + f^3 G(y), y = f^2."""
    t = (2 * mp.pi) ** 2
    return mp.fsum((-1) ** (k + 1) * 2 * mp.pi * t ** (k + 1) * y**k / mp.factorial(2 * k + 3) for k in range(40))


def cos_tail(y):
    """cos(2 pi f) = 1 - 2 pi^2 f^2 + f^4 G(y), y = f^2."""
    t = (2 * mp.pi) ** 2
    return mp.fsum((-1) ** k * t ** (k + 2) * y**k / mp.factorial(2 * k + 4) for k in range(40))


if __name__ == "__main__":
    half = mp.log(2) / 2 + mp.mpf(2) ** -20
    widest = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 + mp.mpf(2) ** -20
    eighth = mp.mpf(1) / 64
    for bits, exp_degree, ln_degree, sin_degree, cos_degree in [(53, 9, 6, 6, 5), (24, 3, 3, 3, 2)]:
        table("exp", exp_tail, lambda r: abs(r) ** 3, -half, half, exp_degree, bits)
        table("ln", ln_tail, lambda z: z / 2, mp.mpf(0), widest, ln_degree, bits)
        table("sin", sin_tail, lambda y: y / (2 * mp.pi), mp.mpf(0), eighth, sin_degree, bits)
        table("cos", cos_tail, lambda y: y**2, mp.mpf(0), eighth, cos_degree, bits)
        pair("log2 e", 1 / mp.log(2), bits)
        pair("ln 2", mp.log(2), bits)
        pair("2 pi", 2 * mp.pi, bits)
        pair("-2 pi^2", -2 * mp.pi**2, bits)
