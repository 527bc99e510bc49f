"""The charts of a report: accuracy, logs over time, what FLOPs and bytes were spent on."""

from collections.abc import Mapping, Sequence

from interlock.demo.report import LinkReport, NodeReport, Point
from interlock.demo.svg import NODE_COLOURS, RULE, blend, line, picture, quantity, tag, text, tip

WIDTH = 960.0
AIM = 0.9


def accuracy_curve(points: Sequence[Point]) -> str:
    """Accuracy over epochs; below each epoch, the FLOPs that the cluster had announced by then."""
    left, right, top, bottom = 62.0, WIDTH - 66, 14.0, 250.0
    last = points[-1].epoch or 1

    def height(share: float) -> float:
        return bottom - (bottom - top) * share

    parts = []
    for percent in range(0, 101, 20):
        y = height(percent / 100)
        parts.append(line(left, y, right, y))
        parts.append(text(left - 8, y + 4, f"{percent} %", text_anchor="end", class_="faint"))
    parts.append(line(left, height(AIM), right, height(AIM), stroke=NODE_COLOURS[2], stroke_dasharray="5 4"))
    aim = text(right - 4, height(AIM) + 15, f"aim: {AIM:.0%}", text_anchor="end", fill=NODE_COLOURS[2])
    parts.append(aim)

    for name, y in (("epoch", bottom + 18), ("FLOPs", bottom + 34)):
        parts.append(text(left - 24, y, name, text_anchor="end", class_="faint small"))
    places = [(left + (right - left) * p.epoch / last, height(p.accuracy)) for p in points]
    every = -(-last // 10)
    for point, (x, _) in zip(points, places, strict=True):
        if point.epoch % every == 0 or point.epoch == last:
            parts.append(text(x, bottom + 18, str(point.epoch), text_anchor="middle", class_="faint"))
            flops = quantity(point.total)
            parts.append(text(x, bottom + 34, flops, text_anchor="middle", class_="faint small"))

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    below = f"{left},{bottom} {path} {places[-1][0]:.1f},{bottom}"
    parts.append(tag("polygon", points=below, fill=NODE_COLOURS[0], opacity=0.08))
    parts.append(tag("polyline", points=path, fill="none", stroke=NODE_COLOURS[0], stroke_width=2.5))
    for point, (x, y) in zip(points, places, strict=True):
        note = f"epoch {point.epoch}, step {point.steps}: {point.accuracy:.2%}, {point.total:,} FLOPs"
        dot = {"r": 3.5, "fill": "#fff", "stroke": NODE_COLOURS[0], "stroke_width": 2}
        parts.append(tag("circle", tip(note), cx=x, cy=y, **dot))
    x, y = places[-1]
    parts.append(text(x + 10, y + 5, f"{points[-1].accuracy:.1%}", class_="strong", fill=NODE_COLOURS[0]))
    return picture(WIDTH, bottom + 44, parts, label="Accuracy on the held-out samples over epochs")


def logs_over_time(logs: Sequence[NodeReport]) -> str:
    """A heat map for each node: a row for each source, a column for each export, a colour for FLOPs."""
    abreast, gap, cell, margin = 2, 46.0, 20.0, 54.0
    panel = (WIDTH - gap) / abreast
    height = 24 + cell * len(logs) + 34
    largest = max(max(snapshot.flops) for node in logs for snapshot in node.history) or 1
    parts = []
    for index, node in enumerate(logs):
        left, top = (index % abreast) * (panel + gap) + margin, (index // abreast) * height
        title = f"log of {node.node}: {quantity(node.history[-1].total, 'FLOP')} at the end"
        parts.append(text(left, top + 14, title, class_="strong", fill=NODE_COLOURS[index]))
        width = (panel - margin) / len(node.history)
        for row, source in enumerate(logs):
            y = top + 24 + row * cell
            style = "small strong" if row == index else "small"
            parts.append(text(left - 8, y + 14, source.node, text_anchor="end", class_=style))
            for column, snapshot in enumerate(node.history):
                flops = snapshot.flops[row]
                when = "at the end" if snapshot.final else f"after epoch {snapshot.epoch}"
                parts.append(
                    tag(
                        "rect",
                        tip(f"{node.node}, {when}: {flops:,} FLOPs of {source.node}"),
                        x=left + column * width,
                        y=y,
                        width=width - 1.5,
                        height=cell - 1.5,
                        rx=2,
                        fill=blend(flops / largest) if flops else "#fff",
                        stroke=None if flops else RULE,
                    )
                )
        y = top + 24 + len(logs) * cell + 12
        parts.append(text(left, y, "start", class_="faint small"))
        parts.append(text(left + panel - margin, y, "end", text_anchor="end", class_="faint small"))
    y = -(-len(logs) // abreast) * height
    for shade in range(60):
        parts.append(tag("rect", x=margin + shade * 3, y=y, width=3.2, height=10, fill=blend(shade / 59)))
    legend = f"0 … {quantity(largest, 'FLOP')}; an empty frame: none"
    parts.append(text(margin + 190, y + 9, legend, class_="faint small"))
    return picture(WIDTH, y + 16, parts, label="FLOPs of each source in the log of each node, over time")


_LINK_BYTES = {
    "payload": ("payload_bytes", "#84b3d9"),
    "prefix: the log": ("prefix_bytes", "#d9622b"),
    "record headers, padding, tags": ("framing_bytes", "#9aa3ad"),
}


def link_bytes(links: Sequence[LinkReport]) -> str:
    """What the bytes of each link were spent on."""
    left, right, bar, top = 90.0, WIDTH - 260, 20.0, 30.0
    largest = max(link.total_bytes for link in links) or 1
    parts = []
    x = left
    for name, (_, colour) in _LINK_BYTES.items():
        parts.append(tag("rect", x=x, y=4, width=12, height=12, rx=2, fill=colour))
        parts.append(text(x + 18, 14, name, class_="small"))
        x += 40 + 7 * len(name)
    for row, link in enumerate(links):
        y = top + row * (bar + 6)
        ends = f"{link.source} → {link.target.split()[-1]}"
        parts.append(text(left - 10, y + 14, ends, text_anchor="end", class_="small"))
        x = left
        for name, (field, colour) in _LINK_BYTES.items():
            value = getattr(link, field)
            width = (right - left) * value / largest
            note = tip(f"{name}: {value:,} bytes")
            parts.append(tag("rect", note, x=x, y=y, width=width, height=bar, fill=colour))
            x += width
        share = link.prefix_bytes / link.total_bytes if link.total_bytes else 0
        amount = f"{quantity(link.total_bytes, 'B')} in {link.messages:,} messages, {share:.1%} prefix"
        parts.append(text(x + 8, y + 14, amount, class_="small faint"))
    return picture(WIDTH, top + len(links) * (bar + 6), parts, label="What each link's bytes were spent on")


def flops_by_work(work: Mapping[str, int]) -> str:
    """One bar, cut by what the FLOPs were spent on."""
    shades = ("#185a9d", "#5497ca", "#c79a12", "#08285c", "#d9622b", "#2c9a5b")
    total = sum(work.values()) or 1
    parts = []
    x = 0.0
    for index, ((name, flops), colour) in enumerate(zip(work.items(), shades, strict=True)):
        width = WIDTH * flops / total
        note = tip(f"{name}: {flops:,}")
        parts.append(tag("rect", note, x=x, y=0, width=width, height=36, fill=colour))
        if width > 60:
            parts.append(text(x + 8, 23, f"{flops / total:.1%}", fill="#fff"))
        parts.append(tag("rect", x=index * 160, y=54, width=12, height=12, rx=2, fill=colour))
        parts.append(
            text(index * 160 + 18, 64, f"{name.replace('_', ' ')} {quantity(flops)}", class_="small")
        )
        x += width
    return picture(WIDTH, 78, parts, label="What the FLOPs were spent on")
