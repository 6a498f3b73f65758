"""How much slower the API answers while a canary splits its traffic between two versions: median latencies, taking turns.

Usage: bash scripts/demo.sh --keep, the export lines that it prints, then
python benchmarks/canary_latency.py [--stack NAME-api] [--rounds 5] [--requests 500] [--clients 4]

The alias live is given a share of 10 % for the former version, whose endpoint still bakes, and has none again afterwards.
A pipeline must not release meanwhile.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import boto3
from api_requests import BenchmarkError, allowed, api_stack, measure, unthrottled, ways

SHARE = 0.1


def former_version(function: str) -> str:
    """Return the newest version that is not live and whose endpoint serves; raises BenchmarkError where there is none."""
    client, sagemaker = boto3.client("lambda"), boto3.client("sagemaker")
    live = client.get_alias(FunctionName=function, Name="live")["FunctionVersion"]
    serving = {item["EndpointName"] for page in sagemaker.get_paginator("list_endpoints").paginate(StatusEquals="InService")
               for item in page["Endpoints"]}
    versions = [item for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
                for item in page["Versions"] if item["Version"] not in ("$LATEST", live)]
    for item in sorted(versions, key=lambda version: -int(version["Version"])):
        if item["Environment"]["Variables"]["ENDPOINT_NAME"] in serving:
            return str(item["Version"])
    raise BenchmarkError(f"{function} has no former version whose endpoint serves; release twice, within release.bake_hours")


@contextmanager
def shared(function: str, version: str) -> Iterator[None]:
    """Give a version a share of the alias for a while."""
    client = boto3.client("lambda")
    client.update_alias(FunctionName=function, Name="live", RoutingConfig={"AdditionalVersionWeights": {version: SHARE}})
    try:
        yield
    finally:
        client.update_alias(FunctionName=function, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})


def compare(options: argparse.Namespace) -> list[tuple[float, float]]:
    """Return each round's two medians in seconds: one version alone, and two."""
    region, stack = boto3.session.Session().region_name, options.stack or api_stack()
    measured, resources, api = ways(stack, region)
    version, found = former_version(stack), []
    with allowed(*resources) as credentials, unthrottled(api, "prd"):
        def half() -> float:
            return median(measure(measured["api"], credentials, region, options.requests, options.clients)[1])

        with shared(stack, version):
            half()  # warms both versions up
        for _ in range(options.rounds):
            alone = half()
            with shared(stack, version):
                found.append((alone, half()))
    return found


def main() -> int:
    """Measure and print; exit 1 where it cannot be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack")
    for name, value in (("rounds", 5), ("requests", 500), ("clients", 4)):
        parser.add_argument(f"--{name}", type=int, default=value)
    try:
        found = compare(parser.parse_args())
    except BenchmarkError as error:
        print(f"canary_latency: {error}", file=sys.stderr)
        return 1
    for alone, during in found:
        print(f"one version: p50 {1000 * alone:5.1f} ms   two: p50 {1000 * during:5.1f} ms   ratio {during / alone:.2f}")
    print(f"ratio {median(during / alone for alone, during in found):.2f} (median of the rounds)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
