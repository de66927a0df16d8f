#!/usr/bin/env python3
"""The Python judge judged: closed forms, and planted errors that `check` must refuse.

    python tests/judge/test_judge.py        (numpy and mpmath)
"""

import contextlib
import io
import math
import os
import random
import sys
import tempfile
import unittest

import numpy as np
from mpmath import mp, mpf

import judge

LAW = judge.Law([0.25, 0.75], [[1.0, -0.5], [-1.25, 0.75]], "full",
                [[[0.5, 0.25], [0.25, 0.75]], [[1.0, -2.0], [-2.0, 4.0]]])
POINTS = np.array([[0.2, 0.9], [3.0, -1.0]])
A, S = 0.8, 0.3


def correct(bound=2.0**-52):
    """The truth rounded to doubles, with a bound of `bound` times each value."""
    exact = list(judge.truths(LAW, A, S, POINTS))
    shapes = {"log_density": (2,), "covariance": (2, 2, 2)}
    result = {}
    for q in judge.QUANTITIES:
        values = np.array([[float(v) for v in t[q]] for t in exact]).reshape(shapes.get(q, (2, 2)))
        result[q] = values
        # Rounding to nearest is within half an ulp, 2^-53 of the value: half of the bound.
        result[q + "_bound"] = bound * np.abs(values)
    return result


def accepted(result, dtype="f64"):
    return judge.compare(LAW, A, S, POINTS, result, dtype, out=lambda line: None)


class Truths(unittest.TestCase):
    def test_one_component(self):
        law = judge.Law([3.0], [[0.75]], "isotropic", [0.3])
        t = next(judge.truths(law, A, S, np.array([[-1.7]])))
        v = mpf(A) ** 2 * mpf(0.3) + mpf(S) ** 2
        delta = mpf(-1.7) - mpf(A) * mpf(0.75)
        expected = {
            "log_density": -(mp.log(2 * mp.pi * v) + delta**2 / v) / 2,
            "score": -delta / v,
            "denoiser": mpf(0.75) + mpf(A) * mpf(0.3) * delta / v,
            "noise": mpf(S) * delta / v,
            "covariance": mpf(0.3) - mpf(A) ** 2 * mpf(0.3) ** 2 / v,
            "responsibilities": mpf(1),
        }
        for q, value in expected.items():
            self.assertLess(abs(t[q][0] / value - 1), mpf(10) ** -78, q)

    def test_tweedie(self):
        t = next(judge.truths(LAW, A, S, POINTS))
        for i in range(2):
            right = mpf(POINTS[0][i]) + mpf(S) ** 2 * t["score"][i]
            self.assertLess(abs(mpf(A) * t["denoiser"][i] - right), mpf(10) ** -78)


class Check(unittest.TestCase):
    def test_rounded_truth_is_accepted(self):
        self.assertTrue(accepted(correct()))

    def test_a_bound_below_the_error_is_refused(self):
        self.assertFalse(accepted(correct(bound=2.0**-60)))

    def test_one_wrong_entry_of_any_quantity_is_refused(self):
        for q in judge.QUANTITIES:
            result = correct()
            result[q].flat[-1] *= 1 + 2.0**-50
            self.assertFalse(accepted(result), q)

    def test_planted_errors_are_refused(self):
        def sign(r): r["score"] *= -1
        def factor(r): r["noise"] /= S
        def transposed(r): r["denoiser"] = r["denoiser"][:, ::-1]
        def swapped_points(r): r["log_density"] = r["log_density"][::-1]
        def dropped_mean_spread(r): r["covariance"] *= 0.5
        def not_a_number(r): r["responsibilities"][0, 0] = math.nan
        def infinite(r): r["score"][0, 0], r["score_bound"][0, 0] = math.inf, math.inf
        def bound_not_a_number(r): r["score_bound"][1, 1] = math.nan
        def negative_bound(r): r["score_bound"][1, 1] = -1.0
        for plant in (sign, factor, transposed, swapped_points, dropped_mean_spread, not_a_number,
                      infinite, bound_not_a_number, negative_bound):
            result = correct()
            plant(result)
            self.assertFalse(accepted(result), plant.__name__)

    def test_an_enclosure_that_misses_is_refused(self):
        result = correct()
        result["score_lo"], result["score_hi"] = (np.nextafter(result["score"], v) for v in (-np.inf, np.inf))
        self.assertTrue(accepted(result))
        result["score_lo"][0, 1] = np.nextafter(result["score_hi"][0, 1], -np.inf)
        result["score_lo"], result["score_hi"] = result["score_hi"], result["score_hi"]
        self.assertFalse(accepted(result))

    def test_wrong_shapes_and_empty_results_are_bad_input(self):
        result = correct()
        result["score"] = result["score"].T[:1]
        for bad in (result, {}):
            with self.assertRaises(judge.BadInput):
                accepted(bad)

    def test_the_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = lambda name: os.path.join(folder, name)
            LAW.write(path("m.json"))
            np.save(path("p.npy"), POINTS)
            result = correct()
            np.savez(path("good.npz"), **result)
            result["score"] *= -1
            np.savez(path("bad.npz"), **result)

            def code(*arguments):
                sys.argv = ["judge.py", "check", "--mixture", path("m.json"), "--points", path("p.npy"), *arguments]
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    return judge.main()

            channel = ("--a", repr(A), "--s", repr(S))
            self.assertEqual(code(*channel, "--result", path("good.npz")), 0)
            self.assertEqual(code(*channel, "--result", path("bad.npz")), 1)
            self.assertEqual(code("--sigma", repr(S), "--result", path("good.npz")), 1)
            self.assertEqual(code("--result", path("good.npz")), 2)
            self.assertEqual(code(*channel, "--result", path("absent.npz")), 2)


class Generate(unittest.TestCase):
    def test_weights_are_accepted_by_the_format_and_seeds_differ(self):
        for _, law, _, points in judge.cases(random.Random(1)):
            self.assertLess(abs(math.fsum(law.weights) - 1), 1e-6)
            self.assertTrue(all(w > 0 for w in law.weights))
            self.assertEqual(len(points[0]), law.d)
        first = [next(judge.cases(random.Random(seed)))[3] for seed in (1, 2, 1)]
        self.assertEqual(first[0], first[2])
        self.assertNotEqual(first[0], first[1])


if __name__ == "__main__":
    unittest.main()
