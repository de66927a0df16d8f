"""Converts the UCI digits as scikit-learn ships them to src/law/data/digits.npy.

    pip download --no-deps scikit-learn==1.9.1
    unzip scikit_learn-1.9.1-*.whl sklearn/datasets/data/digits.csv.gz
    python3 docs/digits.py sklearn/datasets/data/digits.csv.gz

The input holds 1,797 lines of 64 pixel values from 0 to 16 and a label. The output is a 1797x64 array,
little-endian f32, row-major, without the labels. Nothing but Python's standard library is used, so the bytes are the
same everywhere; both checksums are verified.
"""

import gzip
import hashlib
import struct
import sys
from pathlib import Path

INPUT = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
OUTPUT = "bc538feded5cd3fdbcaf541d5290cad5558b39603a802a29bfb5b55eb63e89f6"


def verify(what, data, expected):
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        sys.exit(f"{what} has sha256 {found}: expected {expected}")


packed = Path(sys.argv[1]).read_bytes()
verify(sys.argv[1], packed, INPUT)
rows = [[float(entry) for entry in line.split(",")[:64]] for line in gzip.decompress(packed).decode().split()]
assert len(rows) == 1797 and all(len(row) == 64 and 0 <= min(row) and max(row) <= 16 for row in rows)

header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1797, 64), }".ljust(117) + "\n"
pixels = [pixel for row in rows for pixel in row]
data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
data += struct.pack(f"<{len(pixels)}f", *pixels)
verify("the result", data, OUTPUT)
Path(__file__).parent.parent.joinpath("src/law/data/digits.npy").write_bytes(data)
