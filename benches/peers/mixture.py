"""tweedie against NumPy's best: log density, score and denoiser of an isotropic mixture, whole evaluations interleaved.

usage: mixture.py [--threads T] [--points N] [--components K] [--dimension D] [--training-set] [--memory fresh|reused]
                  [--budget SECONDS] [--patience SECONDS]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import timing

SIGMA = 0.5
RELEASE = Path(__file__).resolve().parents[2] / "target/release"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--components", type=int, default=64)
    parser.add_argument("--dimension", type=int, default=2)
    parser.add_argument("--training-set", action="store_true", help="point masses of equal weight")
    parser.add_argument("--memory", default="fresh", choices=("fresh", "reused"), help="of tweedie's results; NumPy's are fresh")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds of timing a format")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds a wall-clock sample waits for a quiet machine")
    return parser.parse_args()


def problem(np, options):
    """x, means, variances and weights in f64: crowded components, and points drawn from the noised law."""
    n, k, d = options.points, options.components, options.dimension
    random = np.random.default_rng(0)
    means = random.normal(size=(k, d)) * 2 / max(d / 8, 1) ** 0.5
    variances = np.zeros(k) if options.training_set else random.uniform(0.2, 0.6, k) ** 2
    weights = np.full(k, 1 / k) if options.training_set else random.dirichlet(np.ones(k))
    chosen = random.choice(k, n, p=weights)
    deviations = np.sqrt(variances[chosen] + SIGMA**2)
    return means[chosen] + random.normal(size=(n, d)) * deviations[:, None], means, variances, weights


def save(np, place, x, means, variances, weights):
    """The law and the points as files, for tweedie."""
    covariance = {"kind": "isotropic", "values": variances.tolist()}
    law = {"weights": weights.tolist(), "means": means.tolist(), "covariance": covariance}
    (place / "law.json").write_text(json.dumps(law))
    np.save(place / "points.npy", x)


def truth(np, place):
    """The three quantities by the command line, in f64."""
    files = ["--mixture", place / "law.json", "--points", place / "points.npy", "--out", place / "truth.npz"]
    wanted = ["--sigma", str(SIGMA), "--quantity", "log_density,score,denoiser"]
    subprocess.run([RELEASE / "tweedie", "eval", *files, *wanted], check=True)
    found = np.load(place / "truth.npz")
    return found["log_density"], found["score"], found["denoiser"]


def program(place, short, threads, memory="fresh"):
    """tweedie on the saved law and points, each result in fresh memory or in that of the one before (`reused`)."""
    files = [place / "law.json", place / "points.npy"]
    return timing.Program([RELEASE / "examples/timed", *files, str(SIGMA), short, str(threads), memory])


def difference(np, values, exact):
    """The largest difference of any of the three, relative to the largest entry of its kind."""
    return max(np.abs(v - e).max() / np.abs(e).max() for v, e in zip(values, exact))


def compare(np, name, given, options, place):
    import formulations

    x, means, variances, weights = (np.ascontiguousarray(array, dtype=name) for array in given)
    exact, short = truth(np, place), {"float64": "f64", "float32": "f32"}[name]
    tweedie = program(place, short, options.threads, options.memory)
    contenders, differences = {"tweedie": tweedie}, {}
    for title, evaluate in formulations.all_of(len(x), len(weights), x.itemsize).items():
        call = lambda evaluate=evaluate: evaluate(x, means, variances, weights, SIGMA)
        differences[title] = difference(np, call(), exact)
        contenders[title] = timing.Function(call)
    clock = "cpu" if options.threads == 1 else "wall"
    found = timing.measure(contenders, options.budget, clock, options.patience)
    peak = tweedie.finish()
    ours = found["tweedie"][0]
    print(f"\n{short}, {options.threads} thread(s), {clock} clock, milliseconds an evaluation")
    print(f"{'':24}{'median':>9}{'minimum':>9}{'ratio':>7}{'samples':>9}  difference to tweedie in f64")
    for title, (median, least, kept, taken) in found.items():
        apart = f"{differences[title]:.0e}" if title in differences else ""
        print(f"{title:24}{1e3 * median:9.2f}{1e3 * least:9.2f}{median / ours:7.2f}{f'{kept}/{taken}':>9}  {apart}")
    best = min((title for title in found if title != "tweedie"), key=lambda title: found[title][0])
    print(f"tweedie takes {ours / found[best][0]:.2f} of the time of NumPy's best ({best}); {peak}")


def main():
    options = arguments()
    timing.pin(options.threads)
    import numpy as np

    kind = "point masses" if options.training_set else "isotropic components"
    print(f"{options.points} points, {options.components} {kind}, d = {options.dimension}, sigma = {SIGMA}")
    print(f"NumPy {np.__version__}; {timing.machine()}")
    with tempfile.TemporaryDirectory() as folder:
        given = problem(np, options)
        save(np, Path(folder), *given)
        for name in ("float64", "float32"):
            compare(np, name, given, options, Path(folder))


if __name__ == "__main__":
    main()
