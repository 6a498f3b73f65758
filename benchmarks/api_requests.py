"""How many signed one-row requests a second the API answers, beside the bare invocation of its endpoint.

Usage: bash scripts/demo.sh --keep, the export lines that it prints, then
python benchmarks/api_requests.py [--stack NAME-api] [--rounds 5] [--requests 1000] [--clients 12]

Every request is signed anew, by a user who may invoke nothing but this API and this endpoint, and every answer is read
and must hold one prediction. The two ways take turns, so that the ratio is one of the same minutes. The stage's
throttle (50 a second) is lifted for the measurement and put back.
"""

import argparse
import csv
import http.client
import json
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from endpoints import address, stack_output  # noqa: E402

COLUMNS = 19  # of data/churn.csv before the label


class BenchmarkError(Exception):
    """A request that was not answered as it must be; the message holds the answer."""


@dataclass(frozen=True)
class Way:
    """One way to a prediction: an address, the service it is signed for, and what is sent."""

    url: str
    service: str
    body: bytes
    content_type: str = "text/csv"

    def headers(self, credentials: Credentials, region: str) -> dict[str, str]:
        """Return the headers of one request, signed now."""
        request = AWSRequest("POST", self.url, {"Content-Type": self.content_type}, self.body)
        SigV4Auth(credentials, self.service, region).add_auth(request)
        return dict(request.headers)


@contextmanager
def allowed(*resources: str) -> Iterator[Credentials]:
    """Yield the keys of a user who may invoke these and nothing else; the user is gone afterwards."""
    iam, name = boto3.client("iam"), f"benchmark-{uuid.uuid4().hex[:8]}"
    statement = {"Effect": "Allow", "Action": ["execute-api:Invoke", "sagemaker:InvokeEndpoint"], "Resource": resources}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="invoke", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [statement]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        yield Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="invoke")
        iam.delete_user(UserName=name)


@contextmanager
def unthrottled(api: str, stage: str) -> Iterator[None]:
    """Lift the limits of a stage's methods for a while."""
    client = boto3.client("apigateway")
    former = client.get_stage(restApiId=api, stageName=stage)["methodSettings"]["*/*"]
    limits = {"rateLimit": former["throttlingRateLimit"], "burstLimit": former["throttlingBurstLimit"]}

    def limit(values: dict[str, float]) -> None:
        client.update_stage(restApiId=api, stageName=stage, patchOperations=[
            {"op": "replace", "path": f"/*/*/throttling/{name}", "value": f"{value:g}"} for name, value in values.items()])

    limit(dict.fromkeys(limits, 5000))
    try:
        yield
    finally:
        limit(limits)


def send(way: Way, credentials: Credentials, region: str, turns: Iterator[int], total: int, seconds: list[float]) -> None:
    """Send requests over one kept connection until all clients together have sent ``total``."""
    place = urlsplit(way.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    while next(turns) < total:
        began = time.perf_counter()
        connection.request("POST", place.path, way.body, way.headers(credentials, region))
        response = connection.getresponse()
        answer = response.read()
        seconds.append(time.perf_counter() - began)
        if response.status != 200 or len(json.loads(answer)["predictions"]) != 1:
            raise BenchmarkError(f"{way.url} answered {response.status}: {answer[:500]!r}")
    connection.close()


def measure(way: Way, credentials: Credentials, region: str, total: int, clients: int) -> tuple[float, list[float]]:
    """Return requests a second and each request's seconds; raises BenchmarkError for a wrong answer."""
    turns, seconds, failures = count(), [], []

    def client() -> None:
        try:
            send(way, credentials, region, turns, total, seconds)
        except (BenchmarkError, OSError, ValueError, KeyError) as error:
            failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise BenchmarkError(str(failures[0]))
    return len(seconds) / (time.perf_counter() - began), seconds


def ways(stack: str, region: str) -> tuple[dict[str, Way], tuple[str, ...], str]:
    """Return the API and the bare endpoint as ways to a prediction, the ARNs to be allowed, and the API's id."""
    row = next(csv.reader((ROOT / "data" / "churn.csv").read_text().splitlines()[1:]))[:COLUMNS]
    body = ",".join(row).encode() + b"\n"
    url = stack_output(stack, "ApiUrl")
    function = boto3.client("lambda").get_function_configuration(
        FunctionName=f"{stack_output(stack, 'ApiFunctionName')}:live")
    endpoint = function["Environment"]["Variables"]["ENDPOINT_NAME"]
    sagemaker = boto3.client("sagemaker-runtime")
    arn = boto3.client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointArn"]
    api, account = urlsplit(url).netloc.partition(".")[0], arn.split(":")[4]
    return {"endpoint": Way(f"{sagemaker.meta.endpoint_url}/endpoints/{endpoint}/invocations", "sagemaker", body),
            "api": Way(address(url, boto3.client("sts").meta.endpoint_url), "execute-api", body)}, (
        arn, f"arn:aws:execute-api:{region}:{account}:{api}/*/POST/api"), api


def api_stack() -> str:
    """Return the one stack whose name ends in -api; raises BenchmarkError where there is none or more."""
    stacks = [stack["StackName"] for stack in boto3.client("cloudformation").describe_stacks()["Stacks"]]
    found = [name for name in stacks if name.endswith("-api")]
    if len(found) != 1:
        raise BenchmarkError(f"name the API's stack with --stack; there are {found or 'none'}")
    return found[0]


def told(rates: dict[str, list[float]], times: dict[str, list[float]]) -> Iterator[str]:
    """Yield the lines of the report."""
    for name, seen in rates.items():
        ordered = sorted(times[name])
        yield (f"{name:<10} {statistics.median(seen):7.0f} requests/s (median of {len(seen)}; "
               f"{min(seen):.0f}-{max(seen):.0f})   p50 {1000 * ordered[len(ordered) // 2]:5.1f} ms   "
               f"p99 {1000 * ordered[int(len(ordered) * 0.99)]:5.1f} ms")
    ratios = [api / bare for api, bare in zip(rates["api"], rates["endpoint"], strict=True)]
    yield f"api / endpoint {statistics.median(ratios):.2f} (median of the rounds)"


def compare(options: argparse.Namespace, region: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Let the ways take turns; return the rates of each and its requests' seconds."""
    measured, resources, api = ways(options.stack or api_stack(), region)
    rates: dict[str, list[float]] = {name: [] for name in measured}
    times: dict[str, list[float]] = {name: [] for name in measured}
    with allowed(*resources) as credentials, unthrottled(api, "prd"):
        for turn in range(options.rounds + 1):
            for name, way in measured.items():
                total = options.requests if turn else options.requests // 5  # the first round only warms up
                rate, seconds = measure(way, credentials, region, total, options.clients)
                if turn:
                    rates[name].append(rate)
                    times[name] += seconds
    return rates, times


def main() -> int:
    """Measure and print; exit 1 with the wrong answer where there was one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack")
    for name, value in (("rounds", 5), ("requests", 1000), ("clients", 12)):
        parser.add_argument(f"--{name}", type=int, default=value)
    try:
        rates, times = compare(parser.parse_args(), boto3.session.Session().region_name)
    except BenchmarkError as error:
        print(f"api_requests: {error}", file=sys.stderr)
        return 1
    print("\n".join(told(rates, times)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
