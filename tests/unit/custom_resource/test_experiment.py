"""The function experiment."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_the_trial_carries_the_run_and_the_experiment_only_the_project(load: Any, stub: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handler, sagemaker, given = load("experiment"), stub("sagemaker"), event("experiment")
    monkeypatch.setattr(handler, "sagemaker", lambda: sagemaker.client)
    sagemaker.add_response("create_experiment", {}, {"ExperimentName": given["ExperimentName"], "Tags": given["Tags"][:2]})
    sagemaker.add_response("create_trial", {}, {"ExperimentName": given["ExperimentName"], "TrialName": given["TrialName"], "Tags": given["Tags"]})
    assert handler.handler(given, None) == {"ExperimentName": given["ExperimentName"], "TrialName": given["TrialName"]}


def test_what_exists_is_left_as_it_is(load: Any, stub: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handler, sagemaker = load("experiment"), stub("sagemaker")
    monkeypatch.setattr(handler, "sagemaker", lambda: sagemaker.client)
    sagemaker.add_client_error("create_experiment", "ValidationException", "Experiment names must be unique. It already exists")
    sagemaker.add_client_error("create_trial", "ResourceInUse", "taken")
    assert handler.handler(event("experiment"), None)["TrialName"].endswith("0a1b2c3d")


def test_any_other_refusal_fails(load: Any, stub: Any, event: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handler, sagemaker = load("experiment"), stub("sagemaker")
    monkeypatch.setattr(handler, "sagemaker", lambda: sagemaker.client)
    sagemaker.add_client_error("create_experiment", "AccessDeniedException", "not authorized to perform sagemaker:CreateExperiment")
    with pytest.raises(ClientError, match="CreateExperiment"):
        handler.handler(event("experiment"), None)
