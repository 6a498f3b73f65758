"""Pictures of a page, as a person at a desk and one with a phone see it."""

from pathlib import Path

from playwright.sync_api import Page

from tests.console.console_server import ROOT

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
    """Take what a desk's screen shows without scrolling, for the README: scripts/pictures.sh copies it."""
    screenshots(page, f"life-{name}")
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"screen-{name}.png")
