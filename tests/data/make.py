"""Writes the .npy and .npz files beside this script with NumPy; run it again only to add one.

    python3 tests/data/make.py        (made with NumPy 2.4.6)

Entry [i, j] of every 3x2 array is (i + 1) / (j + 3), rounded in the array's own format.
"""

from pathlib import Path

import numpy as np

here = Path(__file__).parent
table = np.array([[(i + 1) / (j + 3) for j in range(2)] for i in range(3)])


def write(name, array, version=None):
    with open(here / f"{name}.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version)


# Read.
write("f64", table)
write("f64_fortran", np.asfortranarray(table))
write("f64_version_2", table, (2, 0))
write("f64_version_3", table, (3, 0))
write("f32", table.astype("<f4"))
write("f32_fortran", np.asfortranarray(table.astype("<f4")))
write("vector", table[:, 0])
write("scalar", np.float64(1 / 3) * np.ones(()))
write("no_points", np.zeros((0, 2)))
write("cube", np.arange(24.0).reshape(2, 3, 4))
write("cube_fortran", np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
np.savez(here / "plain.npz", first=table, second=table.astype("<f4"), cube=np.arange(24.0).reshape(2, 3, 4))
np.savez_compressed(here / "compressed.npz", first=table, second=table.astype("<f4"))

# Refused.
write("big_endian", table.astype(">f8"))
write("integer", np.arange(6).reshape(3, 2))
write("boolean", np.ones((3, 2), bool))
write("complex", table.astype("<c16"))
write("half", table.astype("<f2"))
write("text", np.array(["a", "b"]))
write("object", np.array([None, 1], dtype=object))
write("structured", np.zeros(2, dtype=[("x", "<f8"), ("y", "<f8")]))
write("not_finite", np.where(table == table[2, 1], np.nan, table))
write("not_finite_fortran", np.asfortranarray(np.where(table == table[2, 0], -np.inf, table)))
write("wide", table * 1e300)
np.savez(here / "integer.npz", first=table, count=np.arange(3))
