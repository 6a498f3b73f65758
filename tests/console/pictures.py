"""Pictures of a page, as a person at a desk and one with a phone see it."""

from pathlib import Path

from playwright.sync_api import Page

from tests.console.console_server import ROOT

SHOWN = 1520  # pixels of a page's height in the README
FOLDER = ROOT / "build" / "screenshots"
SIZES = {1440: 900, 390: 844}  # width and height of a desk's screen and of a phone's


def screenshots(page: Page, name: str) -> list[Path]:
    """Take the page on a desk and on a phone, light and dark, into build/screenshots; nothing may be wider than the screen."""
    taken = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for width, height in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function("document.fonts.status === 'loaded'")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
            taken.append(FOLDER / f"{name}-{width}-{theme}.png")
            page.screenshot(path=taken[-1], full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    return taken


def screen(page: Page, name: str) -> None:
    """Take the page's beginning, as far as the README shows it, too: scripts/pictures.sh copies it."""
    screenshots(page, f"life-{name}")
    page.mouse.move(0, 0)
    height = min(page.evaluate("document.documentElement.scrollHeight"), SHOWN)
    page.screenshot(path=FOLDER / f"screen-{name}.png", full_page=True, clip={"x": 0, "y": 0, "width": 1440, "height": height})
