"""The price list, of which moto has nothing.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

from __future__ import annotations

import json
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.rules.registry import Made, answers

ENDPOINTS = ("us-east-1", "eu-central-1", "ap-south-1")
"""The service answers in these regions, for all."""
_PAGE = 100
DISK = 0.0952
"""US dollars for a month of a GiB of gp3."""


def hourly(kind: str) -> float:
    """US dollars for an hour of an instance type: made up, from what it consists of."""
    known = INSTANCE_TYPES[kind]
    return float(round(0.02 * known["VCpuInfo"]["DefaultVCpus"] + 0.005 * known["MemoryInfo"]["SizeInMiB"] / 1024, 4))


@answers("pricing:GetProducts")
def products(_account: Account, call: Call) -> Made:
    if call.region not in ENDPOINTS:
        raise Refused("UnknownEndpoint", f"The price list is not served in {call.region}.", 404)
    if call.params.get("ServiceCode") != "AmazonEC2":
        return _made([], "")
    wanted = {one["Field"]: one["Value"] for one in call.params.get("Filters") or []}
    region = wanted.get("regionCode", "")
    kinds = [wanted["instanceType"]] if "instanceType" in wanted else sorted(INSTANCE_TYPES)
    found = [_product(kind, region) for kind in kinds if kind in INSTANCE_TYPES]
    found.append(_disk(region))
    found = [
        one
        for one in found
        if all((one["product"] | one["product"]["attributes"]).get(key) == value for key, value in wanted.items())
    ]
    begin, size = int(call.params.get("NextToken") or 0), int(call.params.get("MaxResults") or _PAGE)
    more = str(begin + size) if len(found) > begin + size else ""
    return _made(found[begin : begin + size], more)


def _made(found: list[dict[str, Any]], more: str) -> Made:
    document: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(one) for one in found]}
    if more:
        document["NextToken"] = more
    return Made(json.dumps(document).encode(), "application/x-amz-json-1.1")


def _product(kind: str, region: str) -> dict[str, Any]:
    known = INSTANCE_TYPES[kind]
    attributes = {
        "servicecode": "AmazonEC2", "regionCode": region, "instanceType": kind, "operatingSystem": "Linux",
        "tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA", "locationType": "AWS Region",
        "licenseModel": "No License required", "marketoption": "OnDemand", "operation": "RunInstances",
        "vcpu": str(known["VCpuInfo"]["DefaultVCpus"]), "memory": f"{known['MemoryInfo']['SizeInMiB'] / 1024:g} GiB",
    }  # fmt: skip
    price = {"unit": "Hrs", "pricePerUnit": {"USD": f"{hourly(kind):.10f}"}, "description": f"{kind} an hour"}
    return {
        "product": {"productFamily": "Compute Instance", "attributes": attributes, "sku": kind},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {f"{kind}.T": {"priceDimensions": {f"{kind}.T.D": price}}}},
    }


def _disk(region: str) -> dict[str, Any]:
    attributes = {
        "servicecode": "AmazonEC2",
        "regionCode": region,
        "volumeApiName": "gp3",
        "volumeType": "General Purpose",
    }
    price = {"unit": "GB-Mo", "pricePerUnit": {"USD": f"{DISK:.10f}"}, "description": "a GB-month of gp3"}
    return {
        "product": {"productFamily": "Storage", "attributes": attributes, "sku": "gp3"},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {"gp3.T": {"priceDimensions": {"gp3.T.D": price}}}},
    }
