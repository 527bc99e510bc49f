"""One step of training, written with the assembler: gateware, golden model and float64 agree."""

import numpy as np
import pytest
from interlock.device.assembler import Program
from interlock.device.loader import load_messages
from interlock.device.tiles import from_tiles, tile_count, to_column_panels, to_row_panels, to_tiles
from interlock.model.accelerator import AcceleratorParameters
from lib.accelerator_lockstep import Lockstep
from lib.accelerator_pair import total
from lib.parameters import seed

BATCH, FEATURES, HIDDEN, CLASSES = 32, 64, 32, 10
RATE = 0.5
N = 4
PARAMETERS = AcceleratorParameters(array_size=N, scratch_words=4096, queue_words=1024)


def matrix_words(rows, columns):
    """Words of an fp32 matrix in tiles; as bf16 panels it takes half."""
    return tile_count(rows, N) * tile_count(columns, N) * N


class Step:
    """Forward, backward and update of a perceptron with one hidden layer, ReLU and squared error."""

    def __init__(self):
        batch, features, hidden = BATCH // N, FEATURES // N, HIDDEN // N
        classes = tile_count(CLASSES, N)
        k_classes = classes * N
        first, second = matrix_words(FEATURES, HIDDEN), matrix_words(HIDDEN, CLASSES)
        activations, errors = matrix_words(BATCH, HIDDEN), matrix_words(BATCH, CLASSES)

        program = Program(origin=3840, array_size=N, scratch_words=PARAMETERS.scratch_words)
        region = program.region
        self.x_rows = region("x_rows", matrix_words(BATCH, FEATURES) // 2)
        self.x_columns = region("x_columns", matrix_words(BATCH, FEATURES) // 2)
        self.target = region("target", errors)
        self.first, self.second = region("first", first), region("second", second)
        self.y = region("y", errors)
        panels = region("panels", max(first, activations) // 2)
        h, h_panels = region("h", activations), region("h_panels", activations // 2)
        dy_rows, dy_columns = region("dy_rows", errors // 2), region("dy_columns", errors // 2)
        dh, gradient = region("dh", activations), region("gradient", first)

        # Forward: y = relu(x first) second.
        program.column_panels(y=panels, a=self.first, rows=features, columns=hidden)
        program.matmul(y=h, a=self.x_rows, b=panels, rows=batch, columns=hidden, k=FEATURES)
        program.relu(y=h, a=h, words=activations)
        program.row_panels(y=h_panels, a=h, rows=batch, columns=hidden)
        program.column_panels(y=panels, a=self.second, rows=hidden, columns=classes)
        program.matmul(y=self.y, a=h_panels, b=panels, rows=batch, columns=classes, k=HIDDEN)

        # Backward: dy = (y - target) / batch, dh = dy second' where h > 0.
        program.sub(y=self.y, a=self.y, b=self.target, words=errors)
        program.scale(y=self.y, a=self.y, factor=1 / BATCH, words=errors)
        program.row_panels(y=dy_rows, a=self.y, rows=batch, columns=classes)
        program.column_panels(y=dy_columns, a=self.y, rows=batch, columns=classes)
        program.row_panels(y=panels, a=self.second, rows=hidden, columns=classes)
        program.matmul(y=dh, a=dy_rows, b=panels, rows=batch, columns=hidden, k=k_classes)
        program.mask(y=dh, a=dh, b=h, words=activations)

        # Update: second -= rate h' dy, first -= rate x' dh.
        program.column_panels(y=h_panels, a=h, rows=batch, columns=hidden)
        program.matmul(y=gradient, a=h_panels, b=dy_columns, rows=hidden, columns=classes, k=BATCH)
        program.scale(y=gradient, a=gradient, factor=RATE, words=second)
        program.sub(y=self.second, a=self.second, b=gradient, words=second)
        program.column_panels(y=panels, a=dh, rows=batch, columns=hidden)
        program.matmul(y=gradient, a=self.x_columns, b=panels, rows=features, columns=hidden, k=BATCH)
        program.scale(y=gradient, a=gradient, factor=RATE, words=first)
        program.sub(y=self.first, a=self.first, b=gradient, words=first)

        program.export(a=self.first, length=4 * N * first)
        program.export(a=self.second, length=4 * N * second)
        program.halt()
        self.program = program
        macs = N * N * N * (2 * batch * features * hidden + 3 * batch * hidden * classes)
        elements = N * (2 * activations + 2 * errors + 2 * first + 2 * second)
        self.flops = 2 * macs + elements

    def messages(self, x, target, first, second):
        """What the host sends."""
        contents = {
            self.x_rows: to_row_panels(x, N),
            self.x_columns: to_column_panels(x, N),
            self.target: to_tiles(target, N),
            self.first: to_tiles(first, N),
            self.second: to_tiles(second, N),
        }
        for address, data in contents.items():
            yield from load_messages(address.base, data, array_size=N)
        yield from self.program.messages()


def reference(x, target, first, second):
    """The same in float64."""
    h = np.maximum(x @ first, 0)
    dy = (h @ second - target) / BATCH
    dh = (dy @ second.T) * (h > 0)
    return first - RATE * x.T @ dh, second - RATE * h.T @ dy


@pytest.fixture(scope="module")
def pair():
    return Lockstep(beat_bytes=16, parameters=PARAMETERS)


@pytest.fixture
def data():
    rng = np.random.default_rng(seed())
    x = rng.uniform(0, 1, (BATCH, FEATURES))
    target = np.eye(CLASSES)[rng.integers(0, CLASSES, BATCH)]
    first = rng.normal(0, FEATURES**-0.5, (FEATURES, HIDDEN))
    second = rng.normal(0, HIDDEN**-0.5, (HIDDEN, CLASSES))
    return x, target, first.astype(np.float32), second.astype(np.float32)


def run(pair, step, data):
    """A step on both; returns the new weights, the FLOPs that the gateware reported, and its cycles."""
    pair.clear()
    pair.send(*step.messages(*data))
    sent = pair.settle()
    first = from_tiles(sent[0][16:], FEATURES, HIDDEN, N)
    second = from_tiles(sent[1][16:], HIDDEN, CLASSES, N)
    return first, second


def test_gateware_and_model_make_the_same_step_and_it_is_right(pair, data):
    pair.pause(0.2, 0.2, seed=1)
    found = run(pair, Step(), data)
    for weights, after, before in zip(found, reference(*data), data[2:], strict=True):
        change = np.abs(after - before).max()
        assert change > 1e-3
        assert np.abs(weights - after).max() < 0.02 * change


def test_reported_flops_are_those_of_the_step(pair, data):
    pair.pause(0, 0, seed=1)
    step = Step()
    run(pair, step, data)
    matrix, vector = pair.golden.positions
    assert 2 * N * N * matrix + N * vector == step.flops


def test_steps_learn(pair, data):
    pair.pause(0, 0, seed=1)
    x, target, first, second = data
    losses = []
    for _ in range(20):
        losses.append(np.square(np.maximum(x @ first, 0) @ second - target).mean())
        first, second = run(pair, Step(), (x, target, first, second))
    assert losses[-1] < 0.8 * losses[0]


def test_a_step_takes_little_more_than_its_multiplications(pair, data):
    """The whole step, with conversions, element operations and everything else, at full speed."""
    pair.pause(0, 0, seed=1)
    pair.clear()
    step = Step()
    *loads, begin = step.messages(*data)
    pair.send(*loads)
    pair.settle()
    pair.send(begin)
    pair.rtl.run(100)
    steps = cycles = 0
    while pair.rtl.get("busy"):
        pair.rtl.run(100)
        cycles += 100
        assert cycles < 100_000
    steps = total(pair.rtl.pop_operations(0))
    print(f"{cycles} cycles, the matrix unit worked in {steps}")
    assert steps / cycles > 0.4
    pair.clear()
