"""Experiments: trials of an experiment, and the components that jobs leave in them."""

from typing import Any

from local.jobs import Job
from local.resources import Collection, Kind
from local.service import ServiceError


class Experiments:
    """The relations between experiments, trials and trial components."""

    def __init__(self, experiments: Collection, trials: Collection, components: Collection) -> None:
        self._experiments, self._trials, self._components = experiments, trials, components

    def check(self, config: dict[str, Any] | None) -> None:
        """Raise where a job names an experiment or trial that does not exist."""
        if config and "ExperimentName" in config:
            self._experiments.get(config["ExperimentName"])
        if config and "TrialName" in config:
            self._trials.get(config["TrialName"])

    def attach(self, request: dict[str, Any], kind: Kind, arn: str) -> None:
        """Make the trial component of a job that has an ExperimentConfig."""
        config = request.get("ExperimentConfig")
        if not config:
            return
        name = f"{request[kind.name]}-aws-{kind.arn}"
        self._components.create({
            "TrialComponentName": name, "DisplayName": config.get("TrialComponentDisplayName", name),
            "Source": {"SourceArn": arn, "SourceType": f"SageMaker{kind.noun}"}, "SourceArn": arn,
            "TrialComponentSource": {"SourceArn": arn, "SourceType": f"SageMaker{kind.noun}"},
            "Parameters": {key: {"StringValue": value} for key, value in request.get("HyperParameters", {}).items()}})
        if "TrialName" in config:
            self.associate(name, config["TrialName"])

    def associate(self, component: str, trial: str) -> dict[str, Any]:
        """Make a component part of a trial."""
        names = {trial, *self._components.get(component).get("TrialNames", [])}
        return self._set(component, trial, names)

    def disassociate(self, component: str, trial: str) -> dict[str, Any]:
        """Take a component out of a trial."""
        names = {*self._components.get(component).get("TrialNames", [])} - {trial}
        return self._set(component, trial, names)

    def _set(self, component: str, trial: str, names: set[str]) -> dict[str, Any]:
        arn = self._trials.get(trial)["TrialArn"]
        experiments = {self._trials.get(name)["ExperimentName"] for name in names}
        document = self._components.change(component, TrialNames=sorted(names), ExperimentNames=sorted(experiments))
        return {"TrialComponentArn": document["TrialComponentArn"], "TrialArn": arn}

    def check_empty(self, noun: str, name: str) -> None:
        """Raise where an experiment has trials, or a trial has components."""
        inner = self._trials if noun == "Experiment" else self._components
        if found := inner.list({f"{noun}Name": name})[inner.kind.listing]:
            raise ServiceError("ValidationException", f"{noun} {name} has {len(found)} {inner.kind.noun}(s), such as "
                               f"{found[0][inner.kind.name]}. Delete or disassociate them first.")


def result_of(job: dict[str, Any], kind: Kind, job_class: type[Job]) -> dict[str, Any]:
    """Return what a trial component takes from its job: status, times, metrics and the model's address."""
    metrics = [{"MetricName": each["MetricName"], "TimeStamp": each["Timestamp"], "Count": 1, "SourceArn": job[
        f"{kind.noun}Arn"], **dict.fromkeys(("Min", "Max", "Avg", "Last"), each["Value"])}
               for each in job.get("FinalMetricDataList", [])]
    model = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    return {"Status": {"PrimaryStatus": job[kind.status], "Message": job.get("FailureReason")},
            "StartTime": job.get(job_class.start_time), "EndTime": job.get(job_class.end_time), "Metrics": metrics,
            "OutputArtifacts": {"SageMaker.ModelArtifact": {"Value": model}} if model else {}}
