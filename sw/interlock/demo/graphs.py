"""The causal graphs of a report: who influenced whom, and how influence spread."""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, hypot, pi, sin

from interlock.demo.report import Hop, NodeReport
from interlock.demo.svg import NODE_COLOURS, RULE, line, picture, quantity, tag, text, tip

Place = tuple[float, float]

DISC = 26.0
"""Radius of the disc that stands for a node."""


def influences(logs: Sequence[NodeReport]) -> str:
    """An arrow from each source to each node whose final log names it, as wide as its FLOPs."""
    width, height, radius = 520.0, 430.0, 150.0
    count = len(logs)
    outward = [(sin(2 * pi * i / count), -cos(2 * pi * i / count)) for i in range(count)]
    places = [(width / 2 + radius * x, height / 2 + radius * y) for x, y in outward]
    largest = max(max(node.history[-1].flops) for node in logs) or 1
    parts = [_arrowheads()]
    for start, end in pairwise([*places, places[0]]):
        parts.append(line(*start, *end, stroke=RULE, stroke_width=16, stroke_linecap="round"))
    for target, node in enumerate(logs):
        for source, flops in enumerate(node.history[-1].flops):
            if source == target or not flops:
                continue
            is_wired = (source - target) % count in (1, count - 1)
            parts.append(
                _arc(
                    places[source],
                    places[target],
                    tip(f"{flops:,} FLOPs of {logs[source].node} may have influenced {node.node}"),
                    stroke=NODE_COLOURS[source],
                    stroke_width=1.2 + 2.2 * flops / largest,
                    stroke_dasharray=None if is_wired else "6 4",
                    marker_end=f"url(#head{source})",
                )
            )
    for node, colour, (x, y), (right, down) in zip(logs, NODE_COLOURS, places, outward, strict=False):
        number = node.node.split()[-1]
        parts.append(tag("circle", tip(node.session_id), cx=x, cy=y, r=DISC, fill=colour))
        parts.append(text(x, y + 5, number, text_anchor="middle", class_="strong", fill="#fff"))
        anchor = "middle" if abs(right) < 0.3 else "start" if right > 0 else "end"
        own = quantity(node.own_flops, "FLOP")
        parts.append(text(x + 34 * right, y + 42 * down + 4, own, text_anchor=anchor, class_="small faint"))
    return picture(width, height, parts, label="Which node's computation influenced which")


def space_time(hops: Sequence[Hop], names: Sequence[str]) -> str:
    """A line for each node, an arrow for each message, and a square for each source that its prefix named."""
    left, right, lane, top = 66.0, 920.0, 66.0, 30.0
    begin, end = min(hop.sent for hop in hops), max(hop.received for hop in hops)
    scale = (right - left) / ((end - begin) or 1)
    colours = dict(zip(names, NODE_COLOURS, strict=False))
    lanes = {name: top + lane * index for index, name in enumerate(names)}
    parts = [_arrowheads()]
    for name, y in lanes.items():
        parts.append(line(left, y, right + 34, y, stroke=colours[name], stroke_width=2))
        parts.append(text(left - 10, y + 4, name, text_anchor="end", class_="small strong"))
    for hop in hops:
        start = left + (hop.sent - begin) * scale, lanes[hop.source]
        finish = left + (hop.received - begin) * scale, lanes[hop.target]
        downward = hop.is_clockwise
        note = tip(f"{hop.source} → {hop.target}: the prefix names {', '.join(hop.names)}")
        colour, head = colours[hop.source], f"url(#head{names.index(hop.source)})"
        if (finish[1] > start[1]) == downward:
            parts.append(line(*start, *finish, stroke=colour, stroke_width=1.4, marker_end=head))
        else:
            # Here the ring closes: the arrow leaves at one edge of the picture, and comes back at the other.
            middle = (start[0] + finish[0]) / 2
            out, back = (24, -24) if downward else (-24, 24)
            parts.append(line(*start, middle, start[1] + out, stroke=colour, stroke_width=1.4))
            parts.append(
                line(middle, finish[1] + back, *finish, stroke=colour, stroke_width=1.4, marker_end=head)
            )
        for index, name in enumerate(hop.names):
            y = finish[1] + (-11 if downward else 5)
            box = {"x": finish[0] + 4 + 7 * index, "y": y, "width": 6, "height": 6}
            parts.append(tag("rect", note, **box, fill=colours[name]))
    bottom = lanes[names[-1]] + 34
    return picture(960, bottom, parts, label="The first messages, and whom their prefixes name")


def _arrowheads() -> str:
    """A head for the arrows of each node's colour."""
    size = {"viewBox": "0 0 8 8", "refX": 7, "refY": 4, "markerWidth": 8, "markerHeight": 8}
    heads = (
        tag(
            "marker",
            tag("path", d="M0,0 L8,4 L0,8 z", fill=colour),
            id=f"head{index}",
            markerUnits="userSpaceOnUse",
            orient="auto",
            **size,
        )
        for index, colour in enumerate(NODE_COLOURS)
    )
    return tag("defs", *heads)


def _arc(start: Place, end: Place, *children: str, **attributes: object) -> str:
    """A curved arrow between two discs, bent to one side so that both directions can be told apart."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    bend = 0.16
    control = (start[0] + dx / 2 - dy * bend, start[1] + dy / 2 + dx * bend)

    def towards_control(place: Place, distance: float) -> Place:
        x, y = control[0] - place[0], control[1] - place[1]
        share = distance / hypot(x, y)
        return place[0] + x * share, place[1] + y * share

    (x1, y1), (x2, y2) = towards_control(start, DISC + 2), towards_control(end, DISC + 6)
    path = f"M{x1:.1f},{y1:.1f} Q{control[0]:.1f},{control[1]:.1f} {x2:.1f},{y2:.1f}"
    return tag("path", *children, d=path, fill="none", **attributes)
