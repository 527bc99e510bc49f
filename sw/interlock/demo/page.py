"""The report as a page that stands alone: no script, no file beside it, nothing fetched."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from interlock.demo import charts, graphs
from interlock.demo.report import Report
from interlock.demo.svg import NODE_COLOURS, quantity

_ENGINES = {
    "golden": "the golden model",
    "rtl": "simulated gateware",
    "lockstep": "simulated gateware, in lockstep with the golden model",
}


def render(report: Report, *, command: str) -> str:
    """The page for ``report``."""
    environment = Environment(
        loader=PackageLoader("interlock.demo", "."), autoescape=True, undefined=StrictUndefined
    )
    names = [node.node for node in report.logs]
    drawn = {
        "curve": charts.accuracy_curve(report.curve),
        "heat": charts.logs_over_time(report.logs),
        "influences": graphs.influences(report.logs),
        "hops": graphs.space_time(report.hops, names) if report.hops else "",
        "work": charts.flops_by_work(report.flops_by_work),
        "links": charts.link_bytes(report.links),
    }
    used = [
        name for name in report.logs[0].flops_by_bin if any(node.flops_by_bin[name] for node in report.logs)
    ]
    ports = list(next(iter(report.bytes_by_port.values()), {}))
    return environment.get_template("report.html.j2").render(
        report=report,
        figures={name: Markup(svg) for name, svg in drawn.items()},
        bins=used,
        ports=ports,
        exports=sum(node.exports for node in report.logs),
        engine_words=_ENGINES[report.engine],
        colours=NODE_COLOURS,
        thousands=lambda number: f"{number:,}".replace(",", "\u202f"),
        quantity=quantity,
        command=command,
    )
