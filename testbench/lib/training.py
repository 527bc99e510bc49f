"""Data-parallel training in plain numpy: what the demo's programs must come to, to the bit.

It shares nothing with the programs, the assembler or the golden model: matrices are matrices, float32 is
numpy's.  Only how the ring cuts and adds up the gradient is imitated, for the order of additions matters.
"""

import numpy as np


def bf16(values):
    """Rounded to the nearest bf16, ties to even; still float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def product(a, b):
    """bf16 products, summed in float32 in the order of k."""
    total = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for column, row in zip(bf16(a).T, bf16(b), strict=True):
        total += np.outer(column, row)
    return total


def gradients(first, second, inputs, targets, share):
    """Of both layers, for one node's batch."""
    hidden = np.maximum(product(inputs, first), 0)
    error = (product(hidden, second) - targets) * share
    delta = np.where(hidden > 0, product(error, second.T), np.float32(0))
    return product(inputs.T, delta), product(hidden.T, error)


def in_tiles(matrix, n):
    """Its elements in the order in which tiles of n x n hold them, filled up with zeros."""
    rows, columns = (-(-side // n) * n for side in matrix.shape)
    full = np.zeros((rows, columns), np.float32)
    full[: matrix.shape[0], : matrix.shape[1]] = matrix
    return full.reshape(rows // n, n, columns // n, n).transpose(0, 2, 1, 3).ravel()


def out_of_tiles(elements, shape, n):
    """The matrix of that shape at the start of ``elements``, and the elements behind it."""
    rows, columns = (-(-side // n) for side in shape)
    count = rows * columns * n * n
    full = elements[:count].reshape(rows, columns, n, n).transpose(0, 2, 1, 3).reshape(rows * n, columns * n)
    return full[: shape[0], : shape[1]], elements[count:]


def ring_sum(parts, n):
    """Adds up one array a node as a ring does: chunks begin at each node, half of them go either way."""
    nodes = len(parts)
    chunk = -(-len(parts[0]) // n // (2 * nodes)) * n
    padded = [np.pad(part, (0, 2 * nodes * chunk - len(part))) for part in parts]
    total = np.empty_like(padded[0])
    for half, direction in ((0, 1), (1, -1)):
        for start in range(nodes):
            where = slice((half * nodes + start) * chunk, (half * nodes + start + 1) * chunk)
            running = padded[start][where].copy()
            for step in range(1, nodes):
                running += padded[(start + direction * step) % nodes][where]
            total[where] = running
    return total[: len(parts[0])]


def train(first, second, shards, *, epochs, learning_rate, n):
    """The weights of both layers in the end; ``shards`` has (inputs, targets) of each node, by batches."""
    nodes, batch = len(shards), shards[0][0].shape[1]
    share, rate = np.float32(1 / (nodes * batch)), np.float32(learning_rate)
    for _ in range(epochs):
        for index in range(len(shards[0][0])):
            parts = []
            for inputs, targets in shards:
                pair = gradients(first, second, inputs[index], targets[index], share)
                parts.append(np.concatenate([in_tiles(matrix, n) for matrix in pair]))
            total = ring_sum(parts, n)
            first_gradient, rest = out_of_tiles(total, first.shape, n)
            second_gradient, _ = out_of_tiles(rest, second.shape, n)
            first = first - first_gradient * rate
            second = second - second_gradient * rate
    return first, second
