"""Just enough SVG to draw the pictures of a report: small, sharp, and with a tooltip wherever a number is."""

from collections.abc import Iterable
from html import escape

NODE_COLOURS = ("#2f6db5", "#d9622b", "#2c9a5b", "#a03f9e", "#c79a12", "#1d9aa8", "#c23b4e", "#6b6f80")
"""One for each node; told apart by people who do not see all colours, and by lightness in print."""
RULE = "#dfe3e8"
"""Thin lines."""


def tag(name: str, *children: str, **attributes: object) -> str:
    """An element; ``stroke_width`` becomes ``stroke-width``, ``class_`` becomes ``class``."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{pairs}>{''.join(children)}</{name}>"


def text(x: float, y: float, content: str, **attributes: object) -> str:
    """A line of text."""
    return tag("text", escape(content), x=x, y=y, **attributes)


def tip(content: str) -> str:
    """The tooltip of the element around it."""
    return tag("title", escape(content))


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """A straight line, thin and grey unless told otherwise."""
    attributes.setdefault("stroke", RULE)
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def picture(width: float, height: float, parts: Iterable[str], *, label: str) -> str:
    """The whole picture, as wide as its place allows."""
    return tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        role="img",
        aria_label=label,
    )


def blend(share: float) -> str:
    """A colour between paper (0) and deep blue (1), through shades whose lightness falls evenly."""
    stops = ((247, 249, 252), (176, 209, 232), (84, 151, 202), (24, 90, 157), (8, 40, 92))
    position = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    mixed = (
        round(low + (high - low) * (position - index))
        for low, high in zip(stops[index], stops[index + 1], strict=True)
    )
    return "#" + "".join(f"{value:02x}" for value in mixed)


def quantity(value: float, unit: str = "") -> str:
    """``1.234 M`` for 1234000; exact below 10 000."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 10 * factor or (value >= factor and factor > 1e3):
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value:,.0f} {unit}".rstrip().replace(",", " ")


def _number(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
