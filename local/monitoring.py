"""Model Monitor's schedules on the clock: each occurrence is a processing job over what was captured since the last one.

AWS's analyzer is in an image that cannot be had here. The program `monitor` of the image that the endpoint serves stands
in for it, under the same contract for a monitor of one's own, and the job's log says so. An image of one's own runs as it is.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.instances import PRINCIPAL
from local.job_kinds import ProcessingJob
from local.machine import AccessDeniedError, Machine
from local.resources import Collection
from local.schedules import next_time
from local.service import ServiceError, UnsupportedError, value_at
from local.transfer import Transfer, TransferError, Window

logger = logging.getLogger("local")
ANALYZER = "/sagemaker-model-monitor-analyzer"
SHORTEST_WAIT, LONGEST_WAIT = 0.05, 1.0  # wall seconds between two looks at what is due
KEPT = 200  # executions of a schedule
HOUR, LATE_SECONDS = 3600, 180  # a folder of captures holds an hour; how late its last file may come
BASELINE = {"StatisticsResource": ("baseline", "stats", "baseline_statistics", "statistics.json"),
            "ConstraintsResource": ("constraints", "constraints", "baseline_constraints", "constraints.json")}
# A job definition's members by the names that a schedule's own definition has for them.
DEFINITION = {"BaselineConfig": "DataQualityBaselineConfig", "MonitoringAppSpecification": "DataQualityAppSpecification",
              "MonitoringOutputConfig": "DataQualityJobOutputConfig", "MonitoringResources": "JobResources",
              "NetworkConfig": "NetworkConfig", "StoppingCondition": "StoppingCondition", "RoleArn": "RoleArn"}
NO_DATA = "Job inputs had no data"


class MonitoringJob(ProcessingJob):
    """A processing job of a schedule: it reads the captures of its window, with the analyzer's stand-in where one is needed."""

    def window(self) -> Window | None:
        """Return from when to when its captures came."""
        start, end = self.request["_Window"]
        return start, end

    def execute(self) -> str:
        """Run the image, or the program that stands in for AWS's."""
        if "_StandIn" not in self.request:
            return super().execute()
        uri, environment = self.request["_StandIn"], self.request["Environment"]
        with self.log.path.open("a") as log:
            log.write(f"local AWS: the image {self.request['AppSpecification']['ImageUri']} is not available on this machine. "
                      f"The program monitor of {uri} stands in for it.\n")
            if environment.get("publish_cloudwatch_metrics") == "Enabled":
                log.write("local AWS: it publishes no metrics of its own; publish_cloudwatch_metrics has no effect.\n")
        end = self.run_image(uri, ["monitor"], None, {
            "PROCESSING_JOB_NAME": self.name, "PROCESSING_JOB_ARN": self.collection.arn(self.name)} | environment)
        if end == "Completed" and not self.said():
            self._say()
        return end

    def _say(self) -> None:
        """Leave the message that AWS's analyzer leaves: a schedule's execution has its status from it."""
        found = self.text(f"{self.request['Environment']['output_path'].removeprefix('/opt/ml/')}/constraint_violations.json")
        number = len(json.loads(found or "{}").get("violations", []))
        (self.base / "output/message").write_text(
            f"CompletedWithViolations: Job completed successfully with {number} violations." if number else
            "Completed: Job completed successfully with no violations.")


class Monitoring:
    """The schedules of one machine and the thread that fires them."""

    def __init__(self, machine: Machine, kinds: dict[str, Collection], start: Callable[[dict[str, Any]], str]) -> None:
        self.machine, self._start = machine, start
        self._schedules, self._definitions, self._endpoints, self._jobs = (
            kinds[noun] for noun in ("MonitoringSchedule", "DataQualityJobDefinition", "Endpoint", "ProcessingJob"))
        self._executions = machine.store.table("sagemaker-monitoring-executions")
        self._due: dict[str, tuple[tuple[str, float], float | None]] = {}

    def begin(self) -> None:
        """Fire from now on, until the machine stops."""
        threading.Thread(target=self._run, name="monitoring schedules", daemon=True).start()

    # Schedules

    def checked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return what a schedule is besides its request; raises where it could never run."""
        config, now = request["MonitoringScheduleConfig"], self.machine.clock.now()
        expression = value_at(config, "ScheduleConfig.ScheduleExpression")
        if not expression or expression == "NOW":
            raise UnsupportedError("a monitoring schedule that runs once (ScheduleExpression NOW or none)")
        minute = expression.removeprefix("cron(").split()[0]
        if minute != "0" or next_time(self.machine.clock, expression, now, "UTC", now) is None:
            raise ServiceError("ValidationException", f"The schedule expression {expression} must be a cron expression at "
                               "minute 0, such as cron(0 * ? * * *).")
        definition = self.definition(config)
        check_definition(definition)
        endpoint = endpoint_input(definition)["EndpointName"]
        capture = self._endpoints.get(endpoint).get("DataCaptureConfig") or {}
        if not capture.get("EnableCapture"):
            raise ServiceError("ValidationException", f"Endpoint {endpoint} has no data capture enabled.")
        return {"EndpointName": endpoint, "MonitoringScheduleStatus": "Scheduled", "_Calendar": now, "_Until": now,
                "MonitoringType": config.get("MonitoringType", "DataQuality"),
                "MonitoringJobDefinitionName": config.get("MonitoringJobDefinitionName")}

    def definition(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return a schedule's job definition in the form that it has inside a schedule."""
        if config.get("MonitoringType", "DataQuality") != "DataQuality":
            raise UnsupportedError(f"monitoring of type {config['MonitoringType']}")
        own: dict[str, Any] | None = config.get("MonitoringJobDefinition")
        if own:
            return own
        return inner(self._definitions.get(config.get("MonitoringJobDefinitionName") or ""))

    def definitions(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return summaries of the job definitions that a list request selects."""
        collection = self._definitions
        found = collection.list({key: value for key, value in request.items() if key != "EndpointName"})[collection.kind.listing]
        summaries = [{"MonitoringJobDefinitionName": each["JobDefinitionName"], "CreationTime": each["CreationTime"],
                      "MonitoringJobDefinitionArn": each["JobDefinitionArn"],
                      "EndpointName": each["DataQualityJobInput"]["EndpointInput"]["EndpointName"]} for each in found]
        return [each for each in summaries if request.get("EndpointName") in (None, each["EndpointName"])]

    def executions(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the executions that a list request selects, with the status that their jobs have by now."""
        found = []
        for execution in self._executions.values():
            if any(execution.get(name, request[name]) != request[name] for name in (
                    "MonitoringScheduleName", "EndpointName", "MonitoringJobDefinitionName") if name in request):
                continue
            told = self._told(execution)
            if request.get("StatusEquals", told["MonitoringExecutionStatus"]) == told["MonitoringExecutionStatus"]:
                found.append(told)
        key = {"ScheduledTime": "ScheduledTime", "Status": "MonitoringExecutionStatus"}.get(request.get("SortBy", ""), "CreationTime")
        return sorted(found, key=lambda each: each[key], reverse=request.get("SortOrder", "Descending") == "Descending")

    def _told(self, execution: dict[str, Any]) -> dict[str, Any]:
        if "ProcessingJobArn" not in execution:
            return execution
        job = self._jobs.get(execution["ProcessingJobArn"].rpartition("/")[2])
        status = job["ProcessingJobStatus"]
        if status == "Completed" and job.get("ExitMessage", "").startswith("CompletedWithViolations"):
            status = "CompletedWithViolations"
        return execution | {"MonitoringExecutionStatus": status, "LastModifiedTime": job["LastModifiedTime"],
                            "FailureReason": job.get("FailureReason")}

    def forget(self, schedule: str) -> None:
        """Forget the executions of a schedule that is gone."""
        for key in [key for key, each in self._executions.items() if each["MonitoringScheduleName"] == schedule]:
            self._executions.pop(key, None)

    # The clock

    def _run(self) -> None:
        while True:
            now = self.machine.clock.now()
            dues = [due - now for _, due in self._due.values() if due]
            if self.machine.stopping.wait(max(SHORTEST_WAIT, min([LONGEST_WAIT, *dues]))):
                return
            self.fire(self.machine.clock.now())

    def fire(self, now: float) -> None:
        """Start what is due at ``now``, each schedule once, and find out when each is due next."""
        former, self._due = self._due, {}
        for schedule in self._schedules.all():
            name = schedule["MonitoringScheduleName"]
            if schedule["MonitoringScheduleStatus"] != "Scheduled":
                continue
            mark = schedule["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"], schedule["_Calendar"]
            known, due = former.get(name, (None, None))
            if known == mark and due and due <= now:
                self._look(schedule, due)
            if known != mark or (due and due <= now):
                due = next_time(self.machine.clock, *mark, "UTC", now)
            self._due[name] = mark, due

    def _look(self, schedule: dict[str, Any], due: float) -> None:
        """Start an execution; one while the last still works is left out, and the next one reads what it should have."""
        name, now = schedule["MonitoringScheduleName"], self.machine.clock.now()
        if self.executions({"MonitoringScheduleName": name, "StatusEquals": "InProgress"}):
            logger.warning("monitoring schedule %s: the last job still works; this occurrence is left out", name)
            return
        execution = {"MonitoringScheduleName": name, "ScheduledTime": due, "CreationTime": now, "LastModifiedTime": now,
                     "EndpointName": schedule["EndpointName"], "MonitoringType": schedule["MonitoringType"],
                     "MonitoringJobDefinitionName": schedule.get("MonitoringJobDefinitionName")}
        try:
            request = self._request(schedule, due)
            execution |= {"ProcessingJobArn": self._start(request)} if request else _failed(NO_DATA)
        except (ServiceError, TransferError, ClientError, BotoCoreError, AccessDeniedError) as error:
            execution |= _failed(str(error))
        self._executions[f"{name}/{due}"] = execution
        self._schedules.change(name, LastMonitoringExecutionSummary=self._told(execution), _Until=int(due))
        own = [key for key, each in self._executions.items() if each["MonitoringScheduleName"] == name]
        for key in own[:-KEPT]:
            self._executions.pop(key, None)

    def _request(self, schedule: dict[str, Any], due: float) -> dict[str, Any] | None:
        """Return the processing job of an occurrence, None where nothing was captured."""
        definition, window = self.definition(schedule["MonitoringScheduleConfig"]), (int(schedule["_Until"]), int(due))
        source = endpoint_input(definition)
        endpoint = self._endpoints.get(source["EndpointName"])
        transfer = Transfer(self.machine.client("s3", self.machine.session(definition["RoleArn"], PRINCIPAL, "SageMaker")))
        captured = [place for place in _captures(endpoint, source["LocalPath"], window) if transfer.has(place["S3Uri"], window)]
        if not captured:
            return None
        specification = definition["MonitoringAppSpecification"]
        request = {
            "ProcessingJobName": f"model-monitoring-{datetime.now(UTC):%Y%m%d%H%M}-{secrets.token_hex(12)}",
            "ProcessingInputs": [*_baseline_inputs(definition), *_inputs("endpoint_input", captured)],
            "ProcessingOutputConfig": self._outputs(schedule, definition, due),
            "ProcessingResources": definition["MonitoringResources"], "RoleArn": definition["RoleArn"],
            "AppSpecification": {name: specification[name] for name in (
                "ImageUri", "ContainerEntrypoint", "ContainerArguments") if specification.get(name)},
            "Environment": self._environment(schedule, definition, window), "NetworkConfig": definition.get("NetworkConfig"),
            "StoppingCondition": definition.get("StoppingCondition") or {"MaxRuntimeInSeconds": 3600},
            "MonitoringScheduleArn": schedule["MonitoringScheduleArn"], "_Window": window}
        if ANALYZER in specification["ImageUri"]:
            request["_StandIn"] = _served_image(endpoint)
        return {name: value for name, value in request.items() if value is not None}

    def _outputs(self, schedule: dict[str, Any], definition: dict[str, Any], due: float) -> dict[str, Any]:
        """Return where the job writes: below an hour of the schedule's own calendar, so that no two looks share a folder."""
        moment = schedule["_Calendar"] + (due - schedule["_Calendar"]) * self.machine.clock.speed
        below = f"{schedule['EndpointName']}/{schedule['MonitoringScheduleName']}/{datetime.fromtimestamp(moment, UTC):%Y/%m/%d/%H}"
        outputs = [{"OutputName": f"result_{index}", "S3Output": output["S3Output"] | {
            "S3Uri": f"{output['S3Output']['S3Uri'].rstrip('/')}/{below}", "S3UploadMode": "EndOfJob"}}
            for index, output in enumerate(definition["MonitoringOutputConfig"]["MonitoringOutputs"], 1)]
        key = definition["MonitoringOutputConfig"].get("KmsKeyId")
        return {"Outputs": outputs} | ({"KmsKeyId": key} if key else {})

    def _environment(self, schedule: dict[str, Any], definition: dict[str, Any], window: Window) -> dict[str, str]:
        """Return the variables of the contract for a monitor of one's own."""
        start, end = (f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in window)
        outputs = definition["MonitoringOutputConfig"]["MonitoringOutputs"]
        baseline = {variable: f"/opt/ml/processing/baseline/{folder}/{file}" for member, (_, folder, variable, file)
                    in BASELINE.items() if (definition.get("BaselineConfig") or {}).get(member)}
        return {"dataset_format": json.dumps({"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}),
                "dataset_source": endpoint_input(definition)["LocalPath"], "output_path": outputs[0]["S3Output"]["LocalPath"],
                "start_time": start, "end_time": end, "publish_cloudwatch_metrics": "Enabled",
                "sagemaker_endpoint_name": schedule["EndpointName"],
                "sagemaker_monitoring_schedule_name": schedule["MonitoringScheduleName"]} | baseline | (
                    definition.get("Environment") or {})


def _failed(reason: str) -> dict[str, Any]:
    return {"MonitoringExecutionStatus": "Failed", "FailureReason": reason[:1024]}


def inner(named: dict[str, Any]) -> dict[str, Any]:
    """Return a named job definition in the form that one inside a schedule has."""
    return {name: named[member] for name, member in DEFINITION.items() if named.get(member)} | {
        "MonitoringInputs": [named["DataQualityJobInput"]],
        "Environment": named["DataQualityAppSpecification"].get("Environment", {})}


def endpoint_input(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the endpoint that a definition watches; other inputs are refused."""
    [source] = definition["MonitoringInputs"]
    if "EndpointInput" not in source:
        raise UnsupportedError("monitoring of batch transform jobs")
    given: dict[str, Any] = source["EndpointInput"]
    return given


def check_definition(definition: dict[str, Any]) -> None:
    """Raise UnsupportedError for what a definition asks and this machine does not do."""
    specification, resources = definition["MonitoringAppSpecification"], definition["MonitoringResources"]
    for member in ("RecordPreprocessorSourceUri", "PostAnalyticsProcessorSourceUri"):
        if specification.get(member):
            raise UnsupportedError(f"monitoring with {member}")
    if resources["ClusterConfig"]["InstanceCount"] > 1:
        raise UnsupportedError("monitoring with InstanceCount above 1")
    endpoint_input(definition)


def _captures(endpoint: dict[str, Any], local_path: str, window: Window) -> Iterator[dict[str, Any]]:
    """Yield the folders, an hour and a variant each, that captures of the window may be in."""
    target = endpoint["DataCaptureConfig"]["DestinationS3Uri"].rstrip("/")
    for hour in range((window[0] - LATE_SECONDS) // HOUR, window[1] // HOUR + 1):
        for variant in endpoint.get("ProductionVariants", []):
            below = f"{endpoint['EndpointName']}/{variant['VariantName']}/{time.strftime('%Y/%m/%d/%H', time.gmtime(hour * HOUR))}"
            yield {"S3Uri": f"{target}/{below}", "LocalPath": f"{local_path.rstrip('/')}/{below}"}


def _inputs(name: str, places: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"InputName": f"{name}_{index}", "S3Input": place | {
        "S3DataType": "S3Prefix", "S3InputMode": "File", "S3DataDistributionType": "FullyReplicated"}}
        for index, place in enumerate(places, 1)]


def _baseline_inputs(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [each | {"InputName": name} for member, (name, folder, _, _) in BASELINE.items()
            if (resource := (definition.get("BaselineConfig") or {}).get(member))
            for each in _inputs(name, [{"S3Uri": resource["S3Uri"], "LocalPath": f"/opt/ml/processing/baseline/{folder}"}])]


def _served_image(endpoint: dict[str, Any]) -> str:
    models: list[Any] = list(endpoint["_Config"]["_Models"].values())
    return str((models[0].get("PrimaryContainer") or models[0]["Containers"][0])["Image"])
