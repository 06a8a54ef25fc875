"""Amazon MQ in CloudFormation: a resource that stands for the real broker beside the emulator.

The emulator doesn't run the broker. It writes what the template says about it into a file, the launcher starts ActiveMQ
with that, and the resource is complete when the broker answers. The launcher chooses the ports beforehand and names all
three in the environment.
"""

import base64
import json
import os
import re
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import mq
from ministack.services.cloudformation import provisioners, stacks

from emulator.gaps import gap

_CONFIGURATION = "AWS::AmazonMQ::Configuration"
_BROKER = "AWS::AmazonMQ::Broker"

#: Where the standby of a pair would be: nothing listens there, as on Amazon MQ, where only the active one does.
_STANDBY_HOST = "127.0.0.2"

#: Seconds that the broker may take; a JVM on a busy machine needs some.
_START_TIMEOUT = 60

#: configuration id -> its broker XML, the newest revision
_configurations: dict[str, str] = {}


@gap("amazonmq-configuration")
def provision_configurations() -> None:
    """1.5.33: has no ``AWS::AmazonMQ::Configuration``; a template with one is refused."""
    provisioners._RESOURCE_HANDLERS[_CONFIGURATION] = {
        "create": _create_configuration,
        "update": _update_configuration,
        "delete": lambda configuration_id, _props: _configurations.pop(configuration_id, None),
    }


@gap("amazonmq-broker")
def provision_brokers() -> None:
    """1.5.33: has no ``AWS::AmazonMQ::Broker``; a template with one is refused. Its API knows brokers only on paper."""
    provisioners._RESOURCE_HANDLERS[_BROKER] = {
        "create": _create_broker,
        "update": _update_broker,
        "delete": lambda broker_id, _props: mq._delete_broker(broker_id),
    }
    blocks = stacks._runs_on_worker_thread
    # Creating a broker waits for it, which would stop the emulator's event loop.
    stacks._runs_on_worker_thread = lambda resource_type: resource_type == _BROKER or blocks(resource_type)


@gap("amazonmq-permission")
def name_brokers_in_permissions() -> None:
    """1.5.33: IAM takes ``broker:ID:*`` for a broker's ARN, which is ``broker:NAME:ID``: no policy ever allows."""
    resource_of = iam_actions.extract_resource_arn

    def resource_with_name(service, method, path, *args, **kwargs):
        found = re.match(r"/v1/brokers/([^/]+)", path) if service == "mq" else None
        broker = mq._brokers.get(found[1]) if found else None
        return broker["brokerArn"] if broker else resource_of(service, method, path, *args, **kwargs)

    iam_actions.extract_resource_arn = resource_with_name


@gap("amazonmq-description")
def describe_brokers_as_they_stand() -> None:
    """1.5.33: a broker that was created runs for ever, whatever becomes of it, and asks for nothing.

    One that does not answer is on its way back, by Amazon MQ's word for it: nothing there ends for good.
    """
    describe = mq._describe_broker

    def describe_as_it_stands(broker_id):
        status, headers, body = describe(broker_id)
        if status != 200:
            return status, headers, body
        broker = json.loads(body)
        # Of a pair one is enough.
        alive = any(all(map(_accepts, instance["endpoints"])) for instance in broker["brokerInstances"])
        if broker["brokerState"] == "RUNNING" and not alive:
            broker["brokerState"] = "REBOOT_IN_PROGRESS"
        return status, headers, json.dumps(broker).encode()

    mq._describe_broker = describe_as_it_stands


def _create_configuration(_logical_id, props, _stack_name):
    configuration_id = f"c-{new_uuid()}"
    _configurations[configuration_id] = base64.b64decode(props["Data"]).decode()
    return configuration_id, _configuration_attributes(configuration_id, 1)


def _update_configuration(configuration_id, _old_props, new_props, _stack_name):
    _configurations[configuration_id] = base64.b64decode(new_props["Data"]).decode()
    return configuration_id, _configuration_attributes(configuration_id, 2)


def _configuration_attributes(configuration_id: str, revision: int) -> dict:
    arn = f"arn:aws:mq:{get_region()}:{get_account_id()}:configuration:{configuration_id}"
    return {"Id": configuration_id, "Arn": arn, "Revision": str(revision)}


def _create_broker(_logical_id, props, _stack_name):
    endpoints = _endpoints()
    broker_id, arn = _record_broker(props, endpoints)
    _write_specification(props)
    try:
        _wait_for(endpoints)
    except TimeoutError:
        mq._delete_broker(broker_id)
        raise
    mq._brokers[broker_id]["brokerState"] = "RUNNING"
    return broker_id, _broker_attributes(arn, props, endpoints)


def _update_broker(broker_id, _old_props, new_props, _stack_name):
    """Amazon MQ applies a changed configuration at the next reboot. Nothing here reboots, so it stays pending."""
    wanted, configurations = _configuration_of(new_props), mq._brokers[broker_id]["configurations"]
    if wanted != configurations["current"]:
        configurations["pending"] = wanted
    return broker_id, _broker_attributes(mq._brokers[broker_id]["brokerArn"], new_props, _endpoints())


def _endpoints() -> dict[str, str]:
    return {
        "amqp": os.environ["EXPEDITE_BROKER_AMQP"],
        "openwire": os.environ["EXPEDITE_BROKER_OPENWIRE"],
    }


def _record_broker(props: dict, endpoints: dict[str, str]) -> tuple[str, str]:
    """Makes the broker known to Amazon MQ's API, as being created; gives its id and ARN."""
    broker = {
        "brokerName": props["BrokerName"],
        "engineType": props["EngineType"],
        "engineVersion": props.get("EngineVersion"),
        "deploymentMode": props["DeploymentMode"],
        "hostInstanceType": props["HostInstanceType"],
        "publiclyAccessible": props["PubliclyAccessible"],
        "autoMinorVersionUpgrade": props.get("AutoMinorVersionUpgrade", False),
    }
    refusal = mq._validate_broker_config(broker)
    if refusal:
        raise ValueError(f"{_BROKER}: {json.loads(refusal[2])['message']}")
    # MiniStack's own ids and ARNs lack the prefix and the name that Amazon MQ's have.
    broker_id = f"b-{new_uuid()}"
    arn = f"arn:aws:mq:{get_region()}:{get_account_id()}:broker:{props['BrokerName']}:{broker_id}"
    mq._brokers[broker_id] = {
        **broker,
        "brokerId": broker_id,
        "brokerArn": arn,
        "brokerState": "CREATION_IN_PROGRESS",
        "created": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "_createdAt": time.time_ns(),
        "configurations": {"current": _configuration_of(props), "history": []},
        "brokerInstances": [
            {
                "consoleURL": "",
                "endpoints": [instance["openwire"], instance["amqp"]],
                "ipAddress": urlsplit(instance["amqp"]).hostname,
            }
            for instance in _instances(props, endpoints)
        ],
    }
    mq._name_index[props["BrokerName"]] = broker_id
    mq._tags[arn] = {}
    mq._users[broker_id] = {}
    for user in props.get("Users", []):
        mq._create_user(broker_id, user["Username"], {"password": user["Password"], "groups": user.get("Groups")})
    return broker_id, arn


def _configuration_of(props: dict) -> dict:
    configuration = props.get("Configuration") or {}
    return {"id": configuration.get("Id", ""), "revision": int(configuration.get("Revision", 0))}


def _broker_attributes(arn: str, props: dict, endpoints: dict[str, str]) -> dict:
    configuration = props.get("Configuration") or {}
    instances = _instances(props, endpoints)
    return {
        "Arn": arn,
        "IpAddresses": [urlsplit(instance["amqp"]).hostname for instance in instances],
        "ConfigurationId": configuration.get("Id", ""),
        "ConfigurationRevision": str(configuration.get("Revision", "")),
        "AmqpEndpoints": [instance["amqp"] for instance in instances],
        "OpenWireEndpoints": [instance["openwire"] for instance in instances],
    }


def _instances(props: dict, endpoints: dict[str, str]) -> list[dict[str, str]]:
    """The endpoints of each instance; of a pair the standby's come first, so that whoever tries only one fails."""
    if props["DeploymentMode"] != "ACTIVE_STANDBY_MULTI_AZ":
        return [endpoints]
    standby = {
        protocol: urlunsplit(address._replace(netloc=f"{_STANDBY_HOST}:{address.port}"))
        for protocol, address in ((protocol, urlsplit(url)) for protocol, url in endpoints.items())
    }
    return [standby, endpoints]


def _write_specification(props: dict) -> None:
    """What the launcher needs to start the broker. Holds passwords, so it is for this user's eyes only."""
    specification = {
        "configuration": _configurations.get((props.get("Configuration") or {}).get("Id"), ""),
        "users": [
            {"username": user["Username"], "password": user["Password"], "groups": user.get("Groups", [])}
            for user in props.get("Users", [])
        ],
    }
    target = Path(os.environ["EXPEDITE_BROKER_SPEC"])
    # Renamed into place, so that whoever waits for the file never reads half of it.
    draft = target.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(specification, indent=1))
    draft.rename(target)


def _wait_for(endpoints: dict[str, str]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    for url in endpoints.values():
        while not _accepts(url):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{_BROKER}: nothing listens on {url} after {_START_TIMEOUT} s")
            time.sleep(0.05)


def _accepts(url: str) -> bool:
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port), timeout=1):
            return True
    except OSError:
        return False
