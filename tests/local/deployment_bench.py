"""A bench for CodeDeploy's deployments: the service on a machine of its own, with an alias, alarms, hooks and a topic."""

import json
import threading

from botocore.exceptions import ClientError

from local.clock import Clock
from local.machine import Credentials, Machine
from local.services.codedeploy import CodeDeploy

SECONDS = 10.0
SPEED = 36_000.0  # an hour of a silent hook in 0.1 s
SLOW = "slow"  # a canary of 10 % that does not end before the test does
ROLE = "arn:aws:iam::000000000000:role/deploy"
EVENTS = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
TRIGGERS = ["DeploymentStart", "DeploymentSuccess", "DeploymentFailure", "DeploymentStop", "DeploymentRollback"]


class Cloud:
    """The clients that a deployment uses: one alias, alarms, hooks that answer as a test says, a topic."""

    def __init__(self):
        self.alias, self.moves, self.invoked, self.published = ("1", {}), [], [], []
        self.alarms, self.hooks, self.denied, self.report = {}, {}, set(), None
        self.changed = threading.Condition()

    def get_alias(self, **_):
        return {"FunctionVersion": self.alias[0]}

    def update_alias(self, FunctionVersion, RoutingConfig, **_):  # noqa: N803
        if "update_alias" in self.denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateAlias")
        with self.changed:
            self.alias = FunctionVersion, RoutingConfig["AdditionalVersionWeights"]
            self.moves.append(self.alias)
            self.changed.notify_all()

    def invoke(self, FunctionName, Payload, InvocationType):  # noqa: N803
        event = json.loads(Payload)
        with self.changed:
            self.invoked.append((FunctionName, InvocationType, event))
            self.changed.notify_all()
        if status := self.hooks.get(FunctionName):
            self.report(event, status)

    def describe_alarms(self, AlarmNames, **_):  # noqa: N803
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": self.alarms[name]} for name in AlarmNames
                                 if name in self.alarms], "CompositeAlarms": []}

    def publish(self, **message):
        self.published.append(message)

    def asked(self, function):
        """Wait until a hook is invoked, and return its event."""
        with self.changed:
            assert self.changed.wait_for(lambda: function in [each[0] for each in self.invoked], SECONDS), self.invoked
            return next(event for name, _, event in self.invoked if name == function)

    def reached(self, alias):
        with self.changed:
            assert self.changed.wait_for(lambda: self.alias == alias, SECONDS), self.moves


class Caller:
    access_key, principal = "test", "arn:aws:iam::000000000000:user/tester"

    def authorize(self, *_):
        """Allow everything."""


class Bench:
    """A service on a machine of its own, which can be stopped and started again."""

    def __init__(self, folder, speed=SPEED):
        self.folder, self.speed, self.cloud, self.events = folder, speed, Cloud(), []
        self.start()
        self.call("create_application", applicationName="a", computePlatform="Lambda")
        self.config(SLOW, 10, 2880)
        self.group()

    def start(self):
        self.machine = Machine(data=self.folder, port=1, clock=Clock(self.speed), cache=self.folder)
        self.machine.emit = lambda source, kind, detail, resources: self.events.append((detail["deploymentId"], detail["state"]))
        self.machine.session = lambda *_: Credentials("role", "secret")
        self.machine.client = lambda *_: self.cloud
        self.service = CodeDeploy(self.machine)
        self.cloud.report = lambda event, status: self.call(
            "put_lifecycle_event_hook_execution_status", deploymentId=event["DeploymentId"], status=status,
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"])
        self.service.setup()

    def stop(self):
        self.machine.stopping.set()
        self.service.stop()
        self.settled()
        self.machine.store.close()

    def settled(self):
        while running := [each for each in threading.enumerate() if each.name.startswith("deployment-d-")]:
            running[0].join(SECONDS)
            assert not running[0].is_alive()

    def call(self, operation, **request):
        return getattr(self.service, operation)(request, Caller())

    def config(self, name, percent, minutes, kind="canary"):
        self.call("create_deployment_config", deploymentConfigName=name, computePlatform="Lambda", trafficRoutingConfig={
            "type": f"TimeBased{kind.title()}",
            f"timeBased{kind.title()}": {f"{kind}Percentage": percent, f"{kind}Interval": minutes}})

    def group(self, name="g", config="CodeDeployDefault.LambdaCanary10Percent5Minutes", **members):
        settings = {"autoRollbackConfiguration": {"enabled": True, "events": EVENTS}, "deploymentStyle": {
            "deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}}
        self.call("create_deployment_group", applicationName="a", deploymentGroupName=name, serviceRoleArn=ROLE,
                  deploymentConfigName=config, **settings | members)

    def deploy(self, group="g", spec=None, **request):
        revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": spec or appspec()}}
        return self.call("create_deployment", applicationName="a", deploymentGroupName=group, revision=revision,
                         **request)["deploymentId"]

    def ended(self, name):
        self.settled()
        return self.info(name)

    def info(self, name):
        return self.call("get_deployment", deploymentId=name)["deploymentInfo"]

    def statuses(self, name):
        target = self.call("get_deployment_target", deploymentId=name, targetId="f")["deploymentTarget"]["lambdaTarget"]
        return [event["status"] for event in target["lifecycleEvents"]]


def appspec(hooks=(), **changes):
    properties = {"Name": "f", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"} | changes
    return json.dumps({"version": 0.0, "Resources": [{"live": {"Type": "AWS::Lambda::Function", "Properties": properties}}],
                       "Hooks": [{event: function} for event, function in hooks]})
