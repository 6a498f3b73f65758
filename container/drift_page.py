"""What a look at captured data found, as one page that needs nothing else: a picture and the reasons for each drifted column, a table of all."""

from collections.abc import Mapping
from html import escape
from typing import Any

from container.description import Description
from container.drift_pictures import gaps, picture
from container.page import PAGE
from container.reference import NumberReference, Reference

VERDICTS = {"drift": ("bad", "Drift"), "no drift": ("good", "No drift"), "too few rows": ("", "Too few rows to tell")}
# Of columns that did not drift, so many are shown when one asks for them.
MOST_PICTURES = 60
CARD = ('<section class="pictures" style="margin:1.2rem 0;padding-top:1rem;border-top:1px solid #ddd"><div style="flex:1 1 20rem;max-width:30rem">'
        '{pictures}</div><div style="flex:1 1 20rem"><h3 style="margin:.1rem 0">{name} <small>{kind}</small></h3>{reasons}</div></section>')


def render(judged: Mapping[str, Any], found: Description, references: Mapping[str, Reference], endpoint: str | None) -> str:
    """Return the page's HTML; judged is drift.json's content."""
    title = escape(f"What {endpoint or 'the endpoint'} was asked, against the training data")
    drifted = [feature for feature in judged["features"] if feature["drifted"]]
    parts = [_tiles(judged, drifted), _reading(judged)]
    if drifted:
        parts.append(f"<h2>What has drifted</h2>{''.join(_card(feature, found, references) for feature in drifted)}")
    parts += [_quality(judged.get("model_quality")), _table(judged), _others(judged, found, references), _faults(judged)]
    return PAGE.format(title=title, summary=_summary(judged), parts="".join(parts))


def _summary(judged: Mapping[str, Any]) -> str:
    start, end = (judged["window"][name] for name in ("start", "end"))
    when = f"Captured from {escape(start or 'the beginning')} to {escape(end or 'now')}. " if start or end else ""
    return f"{when}One look in {1 / judged['level']:,.0f} at data without drift finds some; what is found differs by more than chance, and enough to matter."


def _tiles(judged: Mapping[str, Any], drifted: list[Mapping[str, Any]]) -> str:
    kind, verdict = VERDICTS[judged["verdict"]]
    features = [feature for feature in judged["features"] if feature["type"] != "unknown"]
    tiles = [("verdict", f'<b class="{kind}">{verdict}</b>', f"{judged['rows_needed']:,} rows are needed"),
             ("rows", f"<b>{judged['rows']:,}</b>", f"besides {judged['synthetic']:,} requests of the project's own"),
             ("columns with drift", f"<b>{len(drifted)}</b>", f"of {len(features)}"),
             ("unreadable", f"<b>{judged['unreadable']:,}</b>", "requests or rows, not counted above")]
    return '<div class="tiles">' + "".join(f'<div class="tile">{name}{value}<span>{note}</span></div>' for name, value, note in tiles) + "</div>"


def _reading(judged: Mapping[str, Any]) -> str:
    if judged["verdict"] != "too few rows":
        return ""
    return (f"<p>With {judged['rows']:,} rows a difference of the size that counts could be chance: this look says neither that there is drift "
            f"nor that there is none. The next one takes these rows together with those that come until then.</p>")


def _card(feature: Mapping[str, Any], found: Description, references: Mapping[str, Reference]) -> str:
    reasons = "".join(f"<p><b>{escape(check['check'])}</b>: {escape(check['description'])}<br><small>distance {_number(check['effect'])}, "
                      f"counts from {_number(check['threshold'])}; by chance {_chance(check['p_value'])}</small></p>" for check in feature["checks"])
    return CARD.format(pictures=_pictures(feature["name"], found, references.get(feature["name"])), name=escape(feature["name"]),
                       kind=feature["type"], reasons=reasons)


def _pictures(name: str, found: Description, reference: Reference | None) -> str:
    """Return what is to be seen of a drifted column; nothing of one that the training data does not have."""
    if reference is None:
        return ""
    shown = picture(name, found, reference, is_titled=False)
    return shown + (gaps(found.numbers[name], reference) if isinstance(reference, NumberReference) else "")


def _quality(quality: Mapping[str, Any] | None) -> str:
    """Return what is known of the answers; nothing without ground truth."""
    if not quality:
        return ""
    rows = "".join(f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{_number(metric.get('value'))}</td><td>{_number(metric.get('baseline'))}</td>"
                   f"<td>{'<span class=bad>worse</span>' if metric.get('worse') else ''}</td></tr>" for name, metric in quality["metrics"].items())
    return (f"<h2>The model's answers</h2><p>{escape(quality['verdict'])}, by {quality['rows']:,} rows whose truth is known.</p>"
            f"<table><thead><tr><th>metric</th><th>now</th><th>evaluation</th><th></th></tr></thead>{rows}</table>")


def _table(judged: Mapping[str, Any]) -> str:
    names = ("column", "", "what differs most", "distance", "counts from", "by chance", "AWS's distance", "over its threshold")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(_row(feature) for feature in sorted(judged["features"], key=lambda feature: not feature["drifted"]))
    return ("<h2>All columns</h2><p>By chance: how probable so large a difference is without drift, after all checks of all columns are counted in. "
            f"AWS's distance and threshold are what SageMaker Model Monitor's rule says of the same rows.</p>"
            f'<div class="wide"><table><thead><tr>{head}</tr></thead>{rows}</table></div>')


def _row(feature: Mapping[str, Any]) -> str:
    aws, worst = feature["aws"], feature["checks"][0]
    verdict = '<span class="bad">drift</span>' if feature["drifted"] else ""
    said = [worst["check"], _number(feature["distance"]), _number(feature["threshold"]), _chance(feature["p_value"]), _number(aws["distance"]),
            f"{'yes' if aws['flagged'] else 'no'} ({_number(aws['threshold'])})"]
    return f"<tr><th>{escape(feature['name'])}</th><td>{verdict}</td>{''.join(f'<td>{escape(text)}</td>' for text in said)}</tr>"


def _others(judged: Mapping[str, Any], found: Description, references: Mapping[str, Reference]) -> str:
    still = [feature["name"] for feature in judged["features"] if not feature["drifted"] and feature["name"] in references][:MOST_PICTURES]
    if not still or not judged["rows"]:
        return ""
    pictures = "".join(picture(name, found, references[name]) for name in still)
    return f"<details><summary><b>Pictures of {len(still)} columns without drift</b></summary><div class='pictures'>{pictures}</div></details>"


def _faults(judged: Mapping[str, Any]) -> str:
    if not judged.get("faults"):
        return ""
    items = "".join(f"<li>{escape(fault)}</li>" for fault in judged["faults"])
    return f"<h2>What could not be read</h2><p>The first of {judged['unreadable']:,}:</p><ul>{items}</ul>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _chance(value: float) -> str:
    return "below 1e-12" if value < 1e-12 else f"{value:.2g}"
