"""docs/runbook has a page for each alarm of the templates and no other, each alarm names its page, and each page answers the same questions."""

import re
from collections.abc import Iterator

import pytest

from tests.templates.sources import ROOT, TEMPLATES, resources

RUNBOOK = ROOT / "docs" / "runbook"
INDEX = (RUNBOOK / "README.md").read_text()
PAGES = sorted(path for path in RUNBOOK.glob("*.md") if path.name != "README.md")
SCREEN = 45  # lines
QUESTIONS = ["What it means", "What customers see", "How to look", "What to do", "When to go back"]
Alarm = tuple[str, dict]  # name as the documents write it, properties


def alarms() -> Iterator[Alarm]:
    """Yield every alarm of the templates."""
    for template in TEMPLATES:
        for resource in resources(template).values():
            if resource["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
                properties = resource["Properties"]
                name = properties["AlarmName"]["Fn::Sub"].replace("${NamePrefix}", "NAME").replace("${EndpointName}", "NAME-R-p")
                yield name, properties


ALARMS = dict(alarms())


def page_of(properties: dict) -> str:
    """Return the page that an alarm's description names."""
    return re.search(r"\. See docs/runbook/(\S+)$", properties["AlarmDescription"])[1]


def test_every_alarm_has_a_page_and_every_page_an_alarm() -> None:
    assert sorted(page_of(properties) for properties in ALARMS.values()) == [path.name for path in PAGES]


@pytest.mark.parametrize("name", ALARMS)
def test_a_page_is_titled_with_its_alarm(name: str) -> None:
    assert (RUNBOOK / page_of(ALARMS[name])).read_text().startswith(f"# {name}\n")


@pytest.mark.parametrize("name", ALARMS)
def test_the_index_and_the_page_say_whether_an_alarm_mails_and_what_a_release_does(name: str) -> None:
    [(page, cells)] = re.findall(rf"^\| \[`{name}`\]\((.+?)\) \|(.*)\|$", INDEX, flags=re.MULTILINE)
    released, mails = (cell.strip() for cell in cells.split("|")[-2:])
    assert page == page_of(ALARMS[name])
    assert mails == ("yes" if ALARMS[name].get("AlarmActions") else "")
    assert released == ("goes back" if name in heeded() else "")
    text = " ".join((RUNBOOK / page).read_text().split("##")[0].split())
    assert ("It mails" in text) is bool(mails) and ("mails nobody" in text) is not bool(mails)
    assert ("release under way goes back on it" in text) is bool(released) and ("no release heeds it" in text) is not bool(released)


def heeded() -> set[str]:
    """Return the alarms on which a deployment goes back."""
    template = resources("assets/deploy-model-prd.yml")
    named = [alarm["Name"] for alarm in template["DeploymentGroup"]["Properties"]["AlarmConfiguration"]["Alarms"]]
    texts = [template[name["Ref"]]["Properties"]["AlarmName"]["Fn::Sub"] if "Ref" in name else name["Fn::Sub"] for name in named]
    return {text.replace("${NamePrefix}", "NAME").replace("${EndpointName}", "NAME-R-p") for text in texts}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_answers_every_question_on_one_screen(page) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == QUESTIONS
    assert len(text.splitlines()) <= SCREEN
    looking = re.search(r"^## How to look$(.*?)^## ", text, flags=re.MULTILINE | re.DOTALL)[1]
    assert "```sh\n" in looking  # commands that are run by the test of the guides
