"""The few shapes that the notebooks' pictures are made of."""

from html import escape

INK, GREY, PAPER, LINE = "#1a1a1a", "#5f6368", "#ffffff", "#9aa0a6"
COLORS = {"waiting": "#f1f3f4", "running": "#cfe3ff", "succeeded": "#cdebd9", "failed": "#f8d0cc", "stopped": "#e4e6e8"}
SIGNS = {"waiting": "", "running": "…", "succeeded": "✓", "failed": "✗", "stopped": "■"}  # a state shows without its colour, too
CHARACTER = 7.4  # width of one, at 13 px


def box(x: float, y: float, width: float, height: float, fill: str, dashed: bool = False) -> str:
    """Return a rounded rectangle."""
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" fill="{fill}" stroke="{LINE}"{dashes}/>'


def words(x: float, y: float, text: str, anchor: str = "middle", color: str = INK) -> str:
    """Return a line of text, its middle at a height."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" dominant-baseline="central" fill="{color}">{escape(text)}</text>'


def arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    """Return an arrow downwards, curved where it moves aside."""
    middle = (y + to_y) / 2
    return (f'<path d="M{x:.1f},{y:.1f} C{x:.1f},{middle:.1f} {to_x:.1f},{middle:.1f} {to_x:.1f},{to_y:.1f}" fill="none" '
            f'stroke="{LINE}" stroke-width="1.5" marker-end="url(#head)"/>')


def picture(title: str, width: float, height: float, parts: list[str]) -> str:
    """Return an SVG document on white paper; the title is for who cannot see it."""
    head = (f'<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0,0 L8,4 L0,8 z" fill="{LINE}"/></marker></defs>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
            f'style="max-width: 100%; height: auto; background: {PAPER}" font-family="system-ui, sans-serif" font-size="13">'
            f"<title>{escape(title)}</title>{head}{''.join(parts)}</svg>")


def length(seconds: float) -> str:
    """Return a stretch of time as people say it."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
