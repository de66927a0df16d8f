"""Reads with NumPy and json what `cargo test --test format` wrote, and compares to the bit.

    python3 tests/judge/read_back.py target/tmp/format/judge
"""

import json
import sys
from pathlib import Path

import numpy as np

place = Path(sys.argv[1])
table = np.array([[(i + 1) / (j + 3) for j in range(2)] for i in range(3)])
cube = np.arange(24.0).reshape(2, 3, 4)


def same(found, expected):
    assert found.dtype == expected.dtype and found.shape == expected.shape, (found.dtype, found.shape)
    assert found.tobytes() == expected.tobytes(), (found, expected)


same(np.load(place / "table.npy"), table.T)
with np.load(place / "arrays.npz") as arrays:
    assert arrays.files == ["f64", "f32", "cube", "none"], arrays.files
    for name, expected in zip(arrays.files, [table, table.astype("f4"), cube, np.zeros(0)]):
        same(arrays[name], expected)

mixture = json.loads((place / "mixture.json").read_text())
assert mixture == {
    "weights": [table[0, 0], table[1, 0]],
    "means": [[5e-324, 1e23], [-0.0, np.finfo(float).max]],
    "covariance": {"kind": "diagonal", "values": table[:2].tolist()},
}, mixture
print("NumPy", np.__version__, "reads what was written")
