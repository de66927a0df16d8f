"""Log density, score and denoiser of an isotropic Gaussian mixture in NumPy, written in the ways that are fast.

p(x) = sum_k w_k N(x; m_k, v_k I), v_k = variance_k + sigma^2. With q = |x|^2 / 2 the logits are linear in (x, q, 1):
x.(m/v) - q/v + (ln w - d/2 ln 2 pi v - |m|^2 / 2v), and the sums wanted are exp(logits) times the columns m/v, 1/v and
1. So two matrix products do everything but the maximum and the exponential, in place. The expanded square loses digits
where means are far from zero; tweedie's differences do not. Every function includes its tables, as tweedie's does.
"""

import numpy as np


def tables(means, variances, weights, sigma):
    """The (d+2)xK matrix of the logits and the Kx(d+2) matrix of the sums, in the means' format."""
    d = means.shape[1]
    precision = 1 / (variances + sigma * sigma)
    pull = means * precision[:, None]
    constant = np.log(weights) + d / 2 * np.log(precision / (2 * np.pi)) - (means * pull).sum(1) / 2
    logits = np.concatenate([pull, -precision[:, None], constant[:, None]], axis=1).T
    sums = np.concatenate([pull, precision[:, None], np.ones_like(precision)[:, None]], axis=1)
    return [np.ascontiguousarray(table, dtype=means.dtype) for table in (logits, sums)]


def lifted(x):
    """(x, |x|^2 / 2, 1) a row."""
    n, d = x.shape
    out = np.empty((n, d + 2), dtype=x.dtype)
    out[:, :d] = x
    out[:, d] = np.einsum("ij,ij->i", x, x) / 2
    out[:, d + 1] = 1
    return out


def finish(x, sums, largest, sigma):
    """The three results from the sums, a row a point."""
    d = x.shape[1]
    total = sums[:, d + 1]
    score = (sums[:, :d] - sums[:, d : d + 1] * x) / total[:, None]
    return np.log(total) + largest, score, x + x.dtype.type(sigma * sigma) * score


def whole(x, means, variances, weights, sigma):
    """One N x K array."""
    to_logits, to_sums = tables(means, variances, weights, sigma)
    logits = lifted(x) @ to_logits
    largest = logits.max(axis=1)
    logits -= largest[:, None]
    np.exp(logits, out=logits)
    return finish(x, logits @ to_sums, largest, sigma)


def by_rows(rows):
    """Blocks of points, each row of logits a point: the block stays in the cache, and its memory is used again."""

    def evaluate(x, means, variances, weights, sigma):
        to_logits, to_sums = tables(means, variances, weights, sigma)
        lift = lifted(x)
        scratch = np.empty((rows, len(weights)), dtype=x.dtype)
        sums, largest = np.empty_like(lift), np.empty(len(x), dtype=x.dtype)
        for first in range(0, len(x), rows):
            part = slice(first, min(first + rows, len(x)))
            logits = np.matmul(lift[part], to_logits, out=scratch[: part.stop - first])
            logits.max(axis=1, out=largest[part])
            logits -= largest[part, None]
            np.exp(logits, out=logits)
            np.matmul(logits, to_sums, out=sums[part])
        return finish(x, sums, largest, sigma)

    return evaluate


def by_columns(columns):
    """Blocks of points, each column of logits a point: the maximum runs over rows, which vectorises better."""

    def evaluate(x, means, variances, weights, sigma):
        to_logits, to_sums = (np.ascontiguousarray(t.T) for t in tables(means, variances, weights, sigma))
        lift = np.ascontiguousarray(lifted(x).T)
        sums, largest = np.empty_like(lift), np.empty(len(x), dtype=x.dtype)
        for first in range(0, len(x), columns):
            part = slice(first, min(first + columns, len(x)))
            logits = to_logits @ lift[:, part]
            logits.max(axis=0, out=largest[part])
            logits -= largest[part]
            np.exp(logits, out=logits)
            sums[:, part] = to_sums @ logits
        return finish(x, sums.T, largest, sigma)

    return evaluate


def in_tiles(rows, components):
    """Blocks of points by blocks of components, sums kept relative to the largest logit so far: for very many components."""

    def evaluate(x, means, variances, weights, sigma):
        to_logits, to_sums = tables(means, variances, weights, sigma)
        lift = lifted(x)
        sums, largest = np.zeros_like(lift), np.full(len(x), -np.inf, dtype=x.dtype)
        for first in range(0, len(x), rows):
            part = slice(first, first + rows)
            for start in range(0, len(weights), components):
                tile = slice(start, start + components)
                logits = lift[part] @ to_logits[:, tile]
                higher = np.maximum(largest[part], logits.max(axis=1))
                logits -= higher[:, None]
                np.exp(logits, out=logits)
                sums[part] *= np.exp(largest[part] - higher)[:, None]
                sums[part] += logits @ to_sums[tile]
                largest[part] = higher
        return finish(x, sums, largest, sigma)

    return evaluate


def all_of(n, k, itemsize):
    """Name -> function, for N points, K components and numbers of so many bytes."""
    found = {}
    if n * k * itemsize <= 2**28:
        found["whole"] = whole
    for kib in (64, 256, 1024):
        rows = max(16, kib * 1024 // (k * itemsize))
        if rows < n:
            found[f"rows, {kib} KiB"] = by_rows(rows)
            found[f"columns, {kib} KiB"] = by_columns(rows)
    if k > 4096:
        for tile in (1024, 4096):
            found[f"tiles of 128x{tile}"] = in_tiles(128, tile)
    return found
