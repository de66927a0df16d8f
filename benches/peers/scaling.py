"""Two threads against one: the same evaluation in turn, on the wall's clock, each sample on a quiet machine.

usage: scaling.py [the options of mixture.py]
"""

import itertools
import tempfile
from pathlib import Path

import mixture
import timing


def main():
    options = mixture.arguments()
    timing.pin(2)
    import numpy as np

    print(f"{options.points} points, {options.components} components, d = {options.dimension}; {timing.machine()}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        given = mixture.problem(np, options)
        mixture.save(np, place, *given)
        for short, memory in itertools.product(("f64", "f32"), ("reused", "fresh")):
            programs = {f"{n} thread(s)": mixture.program(place, short, n, memory) for n in (1, 2)}
            found = timing.measure(programs, options.budget, "wall", options.patience)
            for name, (median, least, kept, taken) in found.items():
                peak = programs[name].finish()
                print(
                    f"{short}, {memory} memory, {name}: median {1e3 * median:.2f} ms, minimum {1e3 * least:.2f} ms, "
                    f"{kept}/{taken} quiet; {peak}"
                )
            (one, one_least, *_), (two, two_least, *_) = found.values()
            print(f"{short}, {memory} memory: {one / two:.2f} times as fast by medians, {one_least / two_least:.2f} by minima")


main()
