"""What is around every view: header, navigation, theme, and the addresses of the views."""

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import app, context, ui
from nicegui.element import Element

from console.account import Account
from console.live import Live
from console.parts.markup import heading, link, tag
from console.place import Place
from console.views import approval, graph, logs, mail, project, projects, release, watch

VIEWS: dict[str, ModuleType] = {  # the last step of an address -> what is there, in the order of the navigation
    "project": project, "approval": approval, "graph": graph, "release": release, "watch": watch, "mail": mail,
}

HIDDEN = {"logs": logs}  # reached by links from the others


def addresses(account: Account, chosen: str) -> None:
    """Make the addresses of the console; ``chosen`` is the project that it begins with, empty for the list."""

    @ui.page("/")
    def start() -> Any:
        return RedirectResponse(f"/{chosen}/project" if chosen else "/projects")

    @ui.page("/projects", title="Projects")
    def all_projects() -> None:
        frame(Place("", "projects"), account, "Projects")
        Live(Place("", "projects"), lambda: projects.read(account), projects.draw, projects.SECONDS)

    @ui.page("/{name}")
    def named(name: str) -> Any:
        return RedirectResponse(Place(name, "project").link())

    @ui.page("/{name}/{view}")
    def whole(name: str, view: str, request: Request) -> Any:
        return show(account, Place(name, view, query=dict(request.query_params)))

    @ui.page("/{name}/{view}/{run}")
    def one_run(name: str, view: str, run: str, request: Request) -> Any:
        return show(account, Place(name, view, run, dict(request.query_params)))


def show(account: Account, place: Place) -> Any:
    """Draw a view, or lead to the first one from an address that is none."""
    view = VIEWS.get(place.view) or HIDDEN.get(place.view)
    if view is None:
        return RedirectResponse(Place(place.project, "project").link())
    ui.page_title(f"{view.TITLE} · {place.project}")
    frame(place, account, view.TITLE)
    read = view.reader(place) if hasattr(view, "reader") else partial(view.read, place=place)  # a reader remembers, for its page alone
    if getattr(view, "CHARTS", False):
        ui.echart({}).classes("hidden")  # so that the browser loads what draws charts while AWS is asked
    Live(place, lambda: read(account.project(place.project)), view.draw, view.SECONDS)
    return None


def frame(place: Place, account: Account, title: str) -> None:
    """Draw what is around a view, with its heading."""
    context.client.layout.props.set_optional("view", "hhh lpr fff")
    with ui.header(fixed=False, wrap=False).classes("top"):
        with tag("div", classes="bar"):
            tag("span", "Model delivery", "brand")
            if place.project:
                tag("span", place.project, "chosen")
                link("All projects", "/projects")
            tag("span", classes="stretch")
            _theme()
        if place.project:
            _navigation(place)
    main = heading(1, title, "title")
    ui.skip_link("Skip to the content", target=main)
    with ui.footer(fixed=False).classes("bottom"):
        Live(place, lambda: whose(account), lambda page, said: page.part("whose", said, _whose), 3600)


def whose(account: Account) -> tuple[str, str, str, str]:
    """Return account, region, caller and endpoint."""
    return account.identity.account, account.region, account.identity.arn, account.endpoint


def _whose(said: tuple[str, str, str, str]) -> None:
    number, region, arn, endpoint = said
    tag("p", f"Account {number} · {region} · {arn}" + (f" · {endpoint}" if endpoint else ""), "quiet")


def _navigation(place: Place) -> Element:
    with tag("nav", classes="views", aria_label="Views") as bar:
        for name, view in VIEWS.items():
            link(view.TITLE, Place(place.project, name).link(), aria_current="page" if name == place.view else None)
    return bar


def _theme() -> None:
    with tag("label", classes="theme"):
        tag("span", "Theme", "unseen")
        with tag("select", data_theme_choice="yes"):
            for value, text in (("", "System"), ("light", "Light"), ("dark", "Dark")):
                tag("option", text, value=value)


def assets() -> None:
    """Serve the console's own style and script to every page."""
    folder = Path(__file__).parent / "static"
    app.add_static_files("/static", folder, max_cache_age=0)
    sheets = ("console.css", *sorted(sheet.name for sheet in folder.glob("*.css") if sheet.name != "console.css"))  # what others may override first
    links = "".join(f'<link rel="stylesheet" href="/static/{sheet}">' for sheet in sheets)
    ui.add_head_html(f'{links}<script src="/static/console.js"></script>', shared=True)
