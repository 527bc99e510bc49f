"""Matrices in the scratch memory of the reference accelerator (``docs/accelerator.md``, *Formats*).

A matrix is filled up with zeros to whole tiles of n x n.
"""

import numpy as np
import numpy.typing as npt

from interlock.errors import Malformed
from interlock.model import floats

Matrix = npt.NDArray[np.float32]


def tile_count(length: int, array_size: int) -> int:
    """Tiles that ``length`` rows or columns take."""
    return -(-length // array_size)


def to_tiles(matrix: npt.ArrayLike, array_size: int) -> bytes:
    """fp32 tiles, row by row of tiles."""
    return _tiled(matrix, array_size).transpose(0, 2, 1, 3).astype(">f4").tobytes()


def from_tiles(data: bytes, rows: int, columns: int, array_size: int) -> Matrix:
    """The matrix of ``rows`` x ``columns`` whose tiles are ``data``; what is behind them is ignored."""
    shape = (tile_count(rows, array_size), tile_count(columns, array_size), array_size, array_size)
    count = int(np.prod(shape))
    if len(data) < 4 * count:
        raise Malformed(f"{rows} x {columns} in tiles takes {4 * count} bytes, but there are {len(data)}")
    tiles = np.frombuffer(data, ">f4", count).reshape(shape).transpose(0, 2, 1, 3)
    flat = tiles.reshape(shape[0] * array_size, shape[1] * array_size)
    return flat[:rows, :columns].astype(np.float32)


def to_row_panels(matrix: npt.ArrayLike, array_size: int) -> bytes:
    """bf16 panels, one for each row of tiles; their steps are the matrix's columns."""
    return _steps(_tiled(matrix, array_size).transpose(0, 2, 3, 1))


def to_column_panels(matrix: npt.ArrayLike, array_size: int) -> bytes:
    """bf16 panels, one for each column of tiles; their steps are the matrix's rows."""
    return _steps(_tiled(matrix, array_size).transpose(2, 0, 1, 3))


def _tiled(matrix: npt.ArrayLike, n: int) -> Matrix:
    """Shape (tile rows, n, tile columns, n)."""
    values = np.asarray(matrix, np.float32)
    if values.ndim != 2:
        raise Malformed(f"a matrix has two dimensions, not {values.ndim}")
    rows, columns = (tile_count(length, n) for length in values.shape)
    padding = ((0, rows * n - values.shape[0]), (0, columns * n - values.shape[1]))
    return np.pad(values, padding).reshape(rows, n, columns, n)


def _steps(panels: Matrix) -> bytes:
    return floats.to_bf16(np.ascontiguousarray(panels).view(np.uint32)).astype(">u2").tobytes()
