"""The table of sizes in docs/training.md: parameters, steps, processor seconds and error of networks trained by default.

usage: sizes.py [--law NAME] [--steps N]      (after cargo build --release)

The error is that of `tweedie train`'s progress: the mean noise loss above the exact denoiser's, as a part of it.
"""

import argparse
import csv
import re
import resource
import subprocess
import tempfile
from pathlib import Path

TWEEDIE = Path(__file__).resolve().parents[1] / "target/release/tweedie"
SIZES = ((16, 2), (32, 2), (64, 3), (128, 3), (256, 3))
CONFIG = """steps = {steps}
[data]
law = "{law}"
[model]
width = {width}
layers = {layers}
[objective]
constraint = "{constraint}"
[perturbation]
kind = "fgsm"
[output]
points = 4096
"""


def relative(path):
    """Σ w·error / Σ w·floor over the last measurement's levels, w = a²/s²."""
    rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(path.open())]
    last = [row for row in rows if row["step"] == rows[-1]["step"]]
    total = lambda key: sum((row["a"] / row["s"]) ** 2 * row[key] for row in last)
    return total("error") / total("floor")


def train(place, **numbers):
    """Parameters, processor seconds and error of one run."""
    config, out = place / "config.toml", place / "{width}-{layers}-{constraint}".format(**numbers)
    config.write_text(CONFIG.format(**numbers))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [TWEEDIE, "train", "--config", config, "--out", out]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    parameters = int(re.search(r"parameters ([0-9]+)", said).group(1))
    return parameters, after.ru_utime - before.ru_utime, relative(out / "error.csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--law", default="oblique-plane")
    parser.add_argument("--steps", type=int, default=4000)
    options = parser.parse_args()
    print("| width × layers | parameters | steps | plain: seconds | error | FGSM: seconds | error |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for width, layers in SIZES:
            numbers = dict(width=width, layers=layers, law=options.law, steps=options.steps)
            parameters, seconds, error = train(Path(folder), constraint="none", **numbers)
            _, longer, other = train(Path(folder), constraint="equivariance", **numbers)
            print(f"| {width} × {layers} | {parameters:,} | {options.steps:,} | {seconds:.1f} | {error:.1e} | {longer:.1f} | {other:.1e} |", flush=True)


main()
