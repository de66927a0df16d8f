#!/usr/bin/env python3
"""The judge in Python: every quantity of a noised Gaussian mixture to 80 digits, with mpmath.

    judge.py check --mixture M.json --points P.npy CHANNEL --result O.npz [--dtype f32|f64]
    judge.py generate --seed N --out DIR
    judge.py run --cases DIR --eval "tweedie eval ..." [--dtype f32|f64]
    judge.py vectors

CHANNEL is --a A --s S, --sigma S or --alpha-bar B. Needs numpy and mpmath. README.md beside this
file says what each does. Written from the definitions, by another route than the library's and
than the Rust judge's:

    V_k = a^2 Sigma_k + s^2 I, inverted through its Cholesky factor,
    l_k = ln w_k - ln sum(w) - (d ln(2 pi) + ln det V_k + delta_k' V_k^-1 delta_k)/2,
    log_density = logsumexp(l), responsibilities = exp(l - log_density),
    score = -sum_k r_k V_k^-1 delta_k,  noise = -s score,  delta_k = x - a mu_k,
    denoiser = sum_k r_k m_k,  m_k = mu_k + a Sigma_k V_k^-1 delta_k,
    covariance = sum_k r_k s^2 Sigma_k V_k^-1 + the covariance of the m_k under r.

Every input is a double taken exactly. A full Sigma_k stands for its symmetric part; it is not
clipped. Spec: T1, T2, N4.
"""

import argparse
import json
import math
import os
import random
import shlex
import subprocess
import sys
import tempfile

import numpy as np
from mpmath import mp, mpf

DIGITS = 80
QUANTITIES = ["log_density", "score", "denoiser", "noise", "covariance", "responsibilities"]
UNIT = {"f64": 2.0**-53, "f32": 2.0**-24}


class BadInput(Exception):
    """Something in the files or arguments that is not as the formats say."""


class Law:
    """A mixture: weights, means, the kind of covariance and its numbers, all Python floats."""

    def __init__(self, weights, means, kind, values):
        self.weights = [float(w) for w in weights]
        self.means = [[float(v) for v in m] for m in means]
        self.kind = kind
        self.values = values
        self.d = len(self.means[0])
        if not len(self.weights) == len(self.means) == len(values):
            raise BadInput("weights, means and covariances differ in number")

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            m = json.load(file)
        return Law(m["weights"], m["means"], m["covariance"]["kind"], m["covariance"]["values"])

    def write(self, path):
        m = {
            "weights": self.weights,
            "means": self.means,
            "covariance": {"kind": self.kind, "values": self.values},
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump(m, file)

    def sigma(self, k):
        """Sigma_k: its diagonal, or its rows where it is full."""
        v = self.values[k]
        if self.kind == "isotropic":
            return [mpf(float(v))] * self.d
        if self.kind == "diagonal":
            return [mpf(float(x)) for x in v]
        d = self.d
        return [[(mpf(float(v[i][j])) + mpf(float(v[j][i]))) / 2 for j in range(d)] for i in range(d)]


def log2(x):
    """An upper bound of log2 |x|, for any double."""
    return -5000 if x == 0 else math.frexp(x)[1]


def set_precision(law, a, s, points):
    """80 digits beyond what the magnitudes can cost.

    x - a mu can lose L bits against s, and the exponent q twice as many; inverting V loses its
    condition number 2^C, and the products with the inverse as much again."""
    flat = np.array(law.values, dtype=float).ravel()
    reach = max(log2(float(np.abs(points).max())), log2(a) + max(log2(v) for m in law.means for v in m))
    offset = max(0, reach + 1 - log2(s) + 1)
    condition = max(0, log2(float(np.abs(flat).max())) + log2(law.d) + 2 * (log2(a) - log2(s) + 1))
    mp.prec = int(DIGITS * 3.33) + 20 + 3 * (offset + condition) + 4 * log2(law.d) + log2(len(law.weights))


def cholesky(v):
    """L with V = L L', rows of growing length."""
    rows = []
    for i in range(len(v)):
        row = []
        for j in range(i):
            row.append((v[i][j] - mp.fdot(row, rows[j][:j])) / rows[j][j])
        pivot = v[i][i] - mp.fdot(row, row)
        if pivot <= 0:
            raise BadInput(f"a^2 Sigma + s^2 I is not positive definite (pivot {i})")
        rows.append(row + [mp.sqrt(pivot)])
    return rows


def inverse(factor):
    """(L L')^-1 as rows, from the columns of L^-1."""
    d = len(factor)
    columns = []
    for j in range(d):
        column = [mpf(0)] * j + [1 / factor[j][j]]
        for i in range(j + 1, d):
            column.append(-mp.fdot(factor[i][j:i], column[j:i]) / factor[i][i])
        columns.append(column)
    return [[mp.fdot(columns[i][max(i, j):], columns[j][max(i, j):]) for j in range(d)] for i in range(d)]


class Component:
    """What of a component does not depend on the point."""

    def __init__(self, law, k, a, s):
        self.d = law.d
        self.full = law.kind == "full"
        self.mean = [mpf(v) for v in law.means[k]]
        self.sigma = law.sigma(k)
        if self.full:
            v = [[a * a * c + (s * s if i == j else 0) for j, c in enumerate(row)]
                 for i, row in enumerate(self.sigma)]
            factor = cholesky(v)
            self.inverse = inverse(factor)
            log_det = 2 * mp.fsum(mp.log(factor[i][i]) for i in range(self.d))
            # Sigma and V^-1 commute, so the product is symmetric: row by row of V^-1.
            self.posterior = [[s * s * mp.fdot(row, other) for other in self.inverse]
                              for row in self.sigma]
        else:
            v = [a * a * c + s * s for c in self.sigma]
            self.inverse = [1 / c for c in v]
            log_det = mp.fsum(mp.log(c) for c in v)
            self.posterior = [s * s * c / t for c, t in zip(self.sigma, v)]
        self.log_height = mp.log(mpf(law.weights[k])) - (self.d * mp.log(2 * mp.pi) + log_det) / 2

    def apply(self, matrix, y):
        if self.full:
            return [mp.fdot(row, y) for row in matrix]
        return [m * v for m, v in zip(matrix, y)]


def truths(law, a, s, points):
    """Yields for each row of `points` a dictionary of flat lists of mpf, one for each quantity."""
    set_precision(law, a, s, points)
    a, s = mpf(a), mpf(s)
    components = [Component(law, k, a, s) for k in range(len(law.weights))]
    log_total = mp.log(mp.fsum(mpf(w) for w in law.weights))
    for x in points:
        yield truth(components, log_total, a, s, [mpf(float(v)) for v in x])


def truth(components, log_total, a, s, x):
    d = len(x)
    logs, pulls, means = [], [], []
    for c in components:
        delta = [v - a * m for v, m in zip(x, c.mean)]
        pull = c.apply(c.inverse, delta)
        logs.append(c.log_height - log_total - mp.fdot(delta, pull) / 2)
        pulls.append(pull)
        means.append([m + a * t for m, t in zip(c.mean, c.apply(c.sigma, pull))])
    top = max(logs)
    log_density = top + mp.log(mp.fsum(mp.exp(t - top) for t in logs))
    r = [mp.exp(t - log_density) for t in logs]
    score = [-mp.fdot(r, [p[i] for p in pulls]) for i in range(d)]
    origin = means[logs.index(top)]
    shifts = [[m - o for m, o in zip(mean, origin)] for mean in means]
    shift = [mp.fdot(r, [e[i] for e in shifts]) for i in range(d)]
    covariance = []
    for i in range(d):
        weighted = [t * e[i] for t, e in zip(r, shifts)]
        for j in range(d):
            value = mp.fdot(weighted, [e[j] for e in shifts]) - shift[i] * shift[j]
            if components[0].full:
                value += mp.fdot(r, [c.posterior[i][j] for c in components])
            elif i == j:
                value += mp.fdot(r, [c.posterior[i] for c in components])
            covariance.append(value)
    return {
        "log_density": [log_density],
        "score": score,
        "denoiser": [o + e for o, e in zip(origin, shift)],
        "noise": [-s * g for g in score],
        "covariance": covariance,
        "responsibilities": r,
    }


# ---- check -------------------------------------------------------------------------------------


class Worst:
    """The worst error of one quantity."""

    def __init__(self):
        self.ratio, self.units, self.where, self.violations, self.bounded = 0.0, 0.0, None, 0, True

    def add(self, value, bound, exact, unit, scale, where):
        if not math.isfinite(value):
            self.violations += 1
            self.ratio, self.units, self.where = math.inf, math.inf, where
            return
        error = abs(mpf(value) - exact)
        if error > 0:
            self.units = max(self.units, float(error / (unit * scale)) if scale > 0 else math.inf)
        if bound is None:
            self.bounded = False
            return
        if not (bound >= 0 and error <= mpf(bound)):
            self.violations += 1
        ratio = 0.0 if error == 0 else float(error / mpf(bound)) if bound > 0 else math.inf
        if math.isnan(bound) or ratio > self.ratio:
            self.ratio, self.where = math.inf if math.isnan(bound) else ratio, where


def compare(law, a, s, points, result, dtype, out=print):
    """Prints one line a quantity; True where every error is within its bound."""
    n, d, count = len(points), law.d, len(law.weights)
    shapes = {"log_density": (n,), "covariance": (n, d, d), "responsibilities": (n, count)}
    present = [q for q in QUANTITIES if q in result]
    if not present:
        raise BadInput(f"the result has none of {', '.join(QUANTITIES)}")
    for q in present:
        for name in (q, q + "_bound", q + "_lo", q + "_hi"):
            if name in result and result[name].shape != shapes.get(q, (n, d)):
                raise BadInput(f"{name} has shape {result[name].shape}, not {shapes.get(q, (n, d))}")
    worst = {q: Worst() for q in present}
    outside = {q: 0 for q in present if q + "_lo" in result and q + "_hi" in result}
    for i, exact in enumerate(truths(law, a, s, points)):
        for q in present:
            scale = max(abs(v) for v in exact[q])
            row = lambda name: [float(v) for v in np.asarray(result[name][i], dtype=np.float64).ravel()]
            bounds = row(q + "_bound") if q + "_bound" in result else [None] * len(exact[q])
            for j, (value, bound, t) in enumerate(zip(row(q), bounds, exact[q])):
                worst[q].add(value, bound, t, UNIT[dtype], scale, (i, j))
            if q in outside:
                for lo, hi, t in zip(row(q + "_lo"), row(q + "_hi"), exact[q]):
                    outside[q] += not (lo <= hi and lo <= t <= hi)
    for q in present:
        w = worst[q]
        ratio = f"error/bound {w.ratio:9.3e} at {w.where}" if w.bounded else "no bound in the result"
        line = f"{q:17s} {ratio:40s} error {w.units:9.3e} u of the largest entry"
        if q in outside:
            line += f"; {outside[q]} outside the enclosure"
        out(line + (f"  VIOLATED {w.violations} times" if w.violations else ""))
    return not any(w.violations for w in worst.values()) and not any(outside.values())


def channel(args):
    """(a, s) as doubles, computed as the library computes them."""
    given = [args.a is not None or args.s is not None, args.sigma is not None, args.alpha_bar is not None]
    if sum(given) != 1 or (given[0] and (args.a is None or args.s is None)):
        raise BadInput("the channel is --a A --s S, --sigma S or --alpha-bar B")
    if given[0]:
        return args.a, args.s
    if given[1]:
        return 1.0, args.sigma
    return math.sqrt(args.alpha_bar), math.sqrt(1.0 - args.alpha_bar)


def check(args):
    law, points = Law.read(args.mixture), np.load(args.points).astype(np.float64)
    a, s = channel(args)
    if points.ndim != 2 or points.shape[1] != law.d:
        raise BadInput(f"points have shape {points.shape}, the mixture has d = {law.d}")
    with np.load(args.result) as result:
        return compare(law, a, s, points, dict(result), args.dtype)


# ---- generate ----------------------------------------------------------------------------------


def weights(rng, count):
    """Positive weights whose sum is 1 up to rounding."""
    raw = [rng.uniform(0.05, 1.0) for _ in range(count)]
    return [w / sum(raw) for w in raw]


def eighth(rng, reach):
    """A multiple of 1/8: products of two of them are exact."""
    return rng.randint(-8 * reach, 8 * reach) / 8


def gram(rng, d, rank, exact=True):
    """B B' with B of d rows and `rank` columns; of exactly that rank where `exact`."""
    draw = (lambda: eighth(rng, 2)) if exact else (lambda: rng.gauss(0, 1) / math.sqrt(d))
    b = [[draw() for _ in range(rank)] for _ in range(d)]
    m = [[0.0] * d for _ in range(d)]
    for i in range(d):
        for j in range(i + 1):
            m[i][j] = m[j][i] = sum(x * y for x, y in zip(b[i], b[j]))
    return m


def mixture(rng, count, d, kind, spread=2.0, scale=1.0, offset=0.0, rank=None, exact=False):
    means = [[offset + rng.gauss(0, spread) for _ in range(d)] for _ in range(count)]
    if kind == "isotropic":
        values = [scale * rng.uniform(0.1, 1.0) for _ in range(count)]
    elif kind == "diagonal":
        values = [[scale * 10 ** rng.uniform(-3, 0) for _ in range(d)] for _ in range(count)]
    else:
        values = [gram(rng, d, d if rank is None else rank, exact) for _ in range(count)]
    return Law(weights(rng, count), means, kind, values)


def near(rng, law, a, s, n):
    """n points from about the law of x: around a mean, by noise of deviation s plus 0.3 a."""
    points = []
    for _ in range(n):
        mean = rng.choice(law.means)
        points.append([a * m + rng.gauss(0, s + 0.3 * a) for m in mean])
    return points


def far(rng, law, a, s, n, deviations):
    """n points that many noise deviations from the origin of the components, in any direction."""
    points = []
    for _ in range(n):
        direction = [rng.gauss(0, 1) for _ in range(law.d)]
        length = math.sqrt(sum(v * v for v in direction))
        mean = rng.choice(law.means)
        points.append([a * m + deviations * s * v / length for m, v in zip(mean, direction)])
    return points


def cases(rng):
    """Yields (name, law, channel arguments, points): every kind, and what is hard."""

    def case(name, law, arguments, points=None, n=6):
        parser = argparse.ArgumentParser()
        add_channel(parser)
        a, s = channel(parser.parse_args(arguments))
        return name, law, arguments, points(a, s) if points else near(rng, law, a, s, n)

    num = lambda v: repr(float(v))
    sigma = lambda v: ["--sigma", num(v)]
    alpha_bar = lambda v: ["--alpha-bar", num(v)]
    pair = lambda a, s: ["--a", num(a), "--s", num(s)]

    for kind in ("isotropic", "diagonal", "full"):
        for count, d in ((1, 1), (1, 5), (3, 1), (4, 2), (9, 3)):
            law = mixture(rng, count, d, kind)
            yield case(f"{kind}-K{count}-d{d}-ve", law, sigma(10 ** rng.uniform(-2, 1)))
        yield case(f"{kind}-vp", mixture(rng, 5, 3, kind), alpha_bar(rng.uniform(0.05, 0.95)))
    for d in (1, 2, 8):
        law = mixture(rng, 7, d, "isotropic")
        law.values = [0.0] * 7
        yield case(f"point-masses-d{d}", law, sigma(rng.uniform(0.05, 2)))
        yield case(f"point-masses-sharp-d{d}", law, sigma(1e-3))
    for d, rank in ((2, 1), (3, 2), (6, 2), (4, 0)):
        law = mixture(rng, 3, d, "full", rank=rank, exact=True)
        yield case(f"rank{rank}-d{d}", law, alpha_bar(rng.uniform(0.2, 0.99)))
        yield case(f"rank{rank}-d{d}-sharp", law, sigma(1e-4))
    law = mixture(rng, 1, 3, "full")
    law = Law(weights(rng, 5), law.means * 5, "full", law.values * 5)
    yield case("equal-components", law, sigma(0.3))
    law = mixture(rng, 4, 3, "isotropic")
    law.weights = [1e-12, 1.0 - 1e-12 - 2e-300, 1e-300, 1e-300]
    yield case("tiny-weights", law, sigma(0.7))
    law = Law([0.5, 0.5], [[1.5, -0.5], [-1.5, 0.5]], "isotropic", [0.25, 0.25])
    yield case("balanced", law, sigma(0.5), lambda a, s: [[0.25, 0.75], [1e-9, 1e-9], [0.5, 1.5 + 1e-12]])
    for kind in ("isotropic", "full"):
        law = mixture(rng, 4, 3, kind)
        for deviations in (40, 1e3, 1e6, 1e12):
            yield case(f"{kind}-far-{deviations:g}", law, sigma(0.5),
                       lambda a, s: far(rng, law, a, s, 3, deviations))
    for kind in ("isotropic", "diagonal", "full"):
        law = mixture(rng, 4, 2, kind, spread=1.0, offset=1e6)
        yield case(f"{kind}-offset", law, sigma(0.4))
        yield case(f"{kind}-sharp", mixture(rng, 4, 2, kind), sigma(1e-6))
        yield case(f"{kind}-blurred", mixture(rng, 4, 2, kind), sigma(1e3))
    law = mixture(rng, 4, 2, "isotropic", spread=1e-6, scale=1e-12, offset=1e6)
    yield case("offset-sharp", law, sigma(1e-6),
               lambda a, s: [[v + rng.gauss(0, 2e-6) for v in m] for m in law.means])
    yield case("offset-far", law, sigma(1e-6), lambda a, s: [[0.0, 0.0], [1e6, -1e6]])
    law = mixture(rng, 3, 4, "diagonal")
    law.values = [[1e-8, 1.0, 1e8, 0.0], [1e8, 0.0, 1e-8, 1.0], [0.0, 1e-8, 1.0, 1e8]]
    yield case("mixed-scales", law, sigma(0.01))
    yield case("at-the-means", law, sigma(0.5), lambda a, s: law.means)
    law = mixture(rng, 3, 2, "full")
    yield case("no-signal", law, pair(0, 1.5))
    yield case("little-signal", law, alpha_bar(1e-9))
    yield case("little-noise", law, alpha_bar(1 - 2.0**-30))
    yield case("amplified", law, pair(37.5, 0.2))
    yield case("wide-d64", mixture(rng, 3, 64, "diagonal"), sigma(0.5), n=2)
    yield case("wide-isotropic-d64", mixture(rng, 16, 64, "isotropic"), alpha_bar(0.3), n=2)
    yield case("wide-full-d64", mixture(rng, 2, 64, "full", rank=20, exact=True), sigma(0.5), n=1)
    yield case("many-K200", mixture(rng, 200, 2, "isotropic", spread=5.0), sigma(0.2), n=3)
    yield case("many-K2000", mixture(rng, 2000, 2, "isotropic", spread=20.0), sigma(1.0), n=2)


def generate(args):
    """Writes NAME.json, NAME.npy for each case, and cases.txt: a line of `eval` arguments each."""
    os.makedirs(args.out, exist_ok=True)
    rng, lines = random.Random(args.seed), []
    for name, law, arguments, points in cases(rng):
        mixture_path, points_path = (os.path.join(args.out, name + end) for end in (".json", ".npy"))
        law.write(mixture_path)
        np.save(points_path, np.array(points, dtype=np.float64))
        lines.append(shlex.join(["--mixture", mixture_path, "--points", points_path, *arguments]))
    with open(os.path.join(args.out, "cases.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{len(lines)} cases in {args.out}")
    return True


def run(args):
    """Evaluates every case with the given command and checks its result."""
    parser, failed = check_parser(argparse.ArgumentParser()), []
    with open(os.path.join(args.cases, "cases.txt"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    for line in lines:
        with tempfile.TemporaryDirectory() as folder:
            result = os.path.join(folder, "result.npz")
            arguments = shlex.split(line)
            name = os.path.basename(arguments[1])
            print(f"-- {name} {' '.join(arguments[4:])}")
            command = [*shlex.split(args.eval), *arguments, "--dtype", args.dtype, "--out", result]
            if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
                print("the command failed")
                failed.append(name)
                continue
            one = parser.parse_args([*arguments, "--dtype", args.dtype, "--result", result])
            if not check(one):
                failed.append(name)
    print(f"{len(lines) - len(failed)} of {len(lines)} cases hold" + "".join("\n  fails: " + f for f in failed))
    return not failed


# ---- vectors -----------------------------------------------------------------------------------


def vectors(_):
    """Writes vectors.json beside this file: inputs and 64 digits of every quantity.

    The numbers are strings, so that no reader rounds them. Above d = 8 the covariance C is
    replaced by C (1, 2, ..., d)', which keeps the file small."""
    rows = []
    for name, law, arguments, points in cases(random.Random(20260)):
        if len(law.weights) > 50:
            continue
        parser = argparse.ArgumentParser()
        add_channel(parser)
        a, s = channel(parser.parse_args(arguments))
        x = points[0]
        t = next(truths(law, a, s, np.array([x])))
        text = lambda q: [mp.nstr(v, 64, strip_zeros=False) for v in q]
        d = law.d
        if d > 8:
            t["covariance"] = [mp.fdot(t["covariance"][i * d:(i + 1) * d], range(1, d + 1)) for i in range(d)]
        flat = lambda v: [repr(float(u)) for u in np.array(v, dtype=float).ravel()]
        rows.append({
            "name": name, "kind": law.kind, "a": repr(a), "s": repr(s), "x": flat(x),
            "weights": flat(law.weights), "means": [flat(m) for m in law.means],
            "covariances": [flat(v) for v in law.values],
            "truth": {q: text(t[q]) for q in QUANTITIES},
        })
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    print(f"{len(rows)} vectors in {path}")
    return True


# ---- command line ------------------------------------------------------------------------------


def add_channel(parser):
    for name in ("--a", "--s", "--sigma", "--alpha-bar"):
        parser.add_argument(name, type=float)


def check_parser(parser):
    parser.add_argument("--mixture", required=True)
    parser.add_argument("--points", required=True)
    parser.add_argument("--result", required=True)
    parser.add_argument("--dtype", choices=["f32", "f64"], default="f64")
    add_channel(parser)
    return parser


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    check_parser(commands.add_parser("check")).set_defaults(do=check)
    p = commands.add_parser("generate")
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--out", required=True)
    p.set_defaults(do=generate)
    p = commands.add_parser("run")
    p.add_argument("--cases", required=True)
    p.add_argument("--eval", required=True)
    p.add_argument("--dtype", choices=["f32", "f64"], default="f64")
    p.set_defaults(do=run)
    commands.add_parser("vectors").set_defaults(do=vectors)
    args = parser.parse_args()
    try:
        return 0 if args.do(args) else 1
    except (BadInput, OSError, ValueError, KeyError) as error:
        print(f"judge.py: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
