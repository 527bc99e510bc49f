"""Arithmetic of the reference accelerator: gateware and golden model, each against exact fractions."""

import numpy as np
import pytest
from amaranth.sim import Simulator
from interlock.model import floats
from interlock_hdl.accelerator.bf16 import Bf16Round
from interlock_hdl.accelerator.command import Opcode
from interlock_hdl.accelerator.elementwise_unit import ElementwiseLane
from interlock_hdl.accelerator.fp32_add import Fp32Add
from interlock_hdl.accelerator.fp32_multiply import Fp32Multiply
from lib.numbers import NAN, SPECIAL, exact_bf16, exact_product, exact_sum, numbers, pairs, value
from lib.parameters import seed

RANDOM_PAIRS = 6000
BF16 = np.uint32(0xFFFF0000)


@pytest.fixture(scope="module")
def operands():
    return pairs(np.random.default_rng(seed()), RANDOM_PAIRS)


def results_of(unit, **inputs):
    """What a combinational unit answers to each element of the inputs."""
    answers = []

    async def bench(ctx):
        for values in zip(*(array.tolist() for array in inputs.values()), strict=True):
            for name, bits in zip(inputs, values, strict=True):
                ctx.set(getattr(unit, name), bits)
            answers.append(ctx.get(unit.result))

    simulator = Simulator(unit)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(answers, np.uint32)


def check(found, expected, *inputs):
    wrong = np.flatnonzero(np.asarray(found) != np.asarray(expected))
    shown = [
        f"{[f'{int(array[i]):08x}' for array in inputs]}: {int(found[i]):08x}, not {int(expected[i]):08x}"
        for i in wrong[:5]
    ]
    assert not len(wrong), f"{len(wrong)} of {len(found)} are wrong: {'; '.join(shown)}"


def exactly(function, *inputs):
    return np.array([function(*bits) for bits in zip(*(i.tolist() for i in inputs), strict=True)])


def test_model_adds_exactly(operands):
    check(floats.add(*operands), exactly(exact_sum, *operands), *operands)


def test_model_multiplies_exactly(operands):
    check(floats.multiply(*operands), exactly(exact_product, *operands), *operands)


def test_model_rounds_to_bf16_exactly(operands):
    check(floats.to_bf16(operands[0]), exactly(exact_bf16, operands[0]), operands[0])


def test_model_subtracts_by_adding_the_opposite(operands):
    a, b = operands
    check(floats.subtract(a, b), exactly(lambda x, y: exact_sum(x, y ^ 1 << 31), a, b), a, b)


def test_model_masks_by_what_is_above_zero(operands):
    a, b = operands
    expected = exactly(lambda x, y: exact_product(x, 0x3F800000) if value(y) > 0 else 0, a, b)
    check(floats.mask(a, b), expected, a, b)


def test_model_sums_products_in_order():
    rng = np.random.default_rng(seed())
    a, b = (floats.to_bf16(numbers(rng, 12 * n)).reshape(12, n) for n in (3, 5))
    for i in range(3):
        for j in range(5):
            total = 0
            for x, y in zip(a[:, i].tolist(), b[:, j].tolist(), strict=True):
                total = exact_sum(total, exact_product(x << 16, y << 16))
            assert int(floats.matmul(a, b)[i, j]) == total


def test_order_of_summation_matters_to_the_model():
    one, half_unit = 0x3F80, 0x3380  # 1 and 2**-24, half a unit in the last place of 1
    a = np.array([[one], [half_unit], [half_unit]], np.uint16)
    ones = np.full_like(a, one)
    assert int(floats.matmul(a, ones)[0, 0]) == 0x3F800000
    assert int(floats.matmul(a[::-1], ones)[0, 0]) == 0x3F800001


def test_gateware_adds_as_the_model(operands):
    check(results_of(Fp32Add(), a=operands[0], b=operands[1]), floats.add(*operands), *operands)


def test_gateware_multiplies_as_the_model(operands):
    check(results_of(Fp32Multiply(), a=operands[0], b=operands[1]), floats.multiply(*operands), *operands)


def test_gateware_multiplies_bf16_as_the_model(operands):
    a, b = (array & BF16 for array in operands)
    check(results_of(Fp32Multiply(fraction_bits=7), a=a, b=b), floats.multiply(a, b), a, b)


def test_gateware_rounds_to_bf16_as_the_model(operands):
    check(results_of(Bf16Round(), i=operands[0]), floats.to_bf16(operands[0]), operands[0])


@pytest.mark.parametrize(
    ("opcode", "function"),
    [
        (Opcode.COPY, lambda a, b: a),
        (Opcode.ADD, floats.add),
        (Opcode.SUB, floats.subtract),
        (Opcode.MUL, floats.multiply),
        (Opcode.SCALE, floats.multiply),
        (Opcode.RELU, lambda a, b: floats.mask(a, a)),
        (Opcode.MASK, floats.mask),
    ],
)
def test_lane_does_each_command_as_the_model(opcode, function, operands):
    a, b = (array[: len(SPECIAL) ** 2 + 500] for array in operands)
    found = results_of(ElementwiseLane(), opcode=np.full_like(a, int(opcode)), a=a, b=b)
    check(found, function(a, b), a, b)


def test_nan_comes_out_canonical_and_only_where_it_must():
    infinity, nothing = np.array([0x7F800000], np.uint32), np.array([0], np.uint32)
    assert floats.subtract(infinity, infinity) == [NAN]
    assert floats.multiply(infinity, nothing) == [NAN]
    assert floats.add(infinity, nothing) == infinity


def test_fraction_bits_are_those_of_a_format():
    with pytest.raises(ValueError, match="fraction_bits must be 7"):
        Fp32Multiply(fraction_bits=10)
