"""Computes the tables of docs/cost.md from docs/cost.json and template.yaml, and writes them there.

    python docs/cost.py [--check]

With --check it writes nothing, and fails where the tables are not what it computes. All amounts are US dollars a month.
"""

import json
import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
MODEL = json.loads((HERE / "cost.json").read_text())
PRICES = {name: price["usd"] for name, price in MODEL["prices"].items()}
ASSUMED = MODEL["assumptions"]
UNITS = MODEL["capacity_units"]

MINUTES_A_MONTH = ASSUMED["hours_a_month"] * 60
GB = 1e9


class _Loader(yaml.SafeLoader):
    """Reads a template. Of CloudFormation's short tags only the lists below them matter here."""


def _content(loader: yaml.Loader, _tag: str, node: yaml.Node):
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else node.value


_Loader.add_multi_constructor("!", _content)


def template_counts() -> dict[str, int]:
    """How many of each the template makes with a network, a broker and a key of its own."""
    resources = yaml.load((HERE.parent / "template.yaml").read_text(), _Loader)["Resources"]

    def properties(kind: str) -> list[dict]:
        return [it.get("Properties", {}) for it in resources.values() if it["Type"] == kind]

    endpoints = [it for it in properties("AWS::EC2::VPCEndpoint") if it["VpcEndpointType"] == "Interface"]
    return {
        "secrets": len(properties("AWS::SecretsManager::Secret")),
        "keys": len(properties("AWS::KMS::Key")),
        # In a second zone only if the broker is.
        "interface endpoints, by zone of the broker": len(endpoints),
        "alarm metrics": sum(_alarm_metrics(it) for it in properties("AWS::CloudWatch::Alarm")),
        "dashboards": len(properties("AWS::CloudWatch::Dashboard")),
    }


def _alarm_metrics(alarm: dict) -> int:
    """An alarm is paid by the metrics that it looks at; an expression is none."""
    return sum("MetricStat" in metric for metric in alarm["Metrics"]) if "Metrics" in alarm else 1


def bill(size: dict, counts: dict[str, int]) -> dict[str, float]:
    """What a month costs, by service."""
    messages = size["messages_a_day"] * ASSUMED["days_a_month"]
    failures = messages * ASSUMED["failed_attempts_a_message"]
    reads = messages * ASSUMED["reads_a_message"]
    # accepted, queued, processing, completed; a failure adds retrying, queued and processing.
    changes = messages * 4 + failures * 3
    pushes = changes * ASSUMED["sockets_told_of_a_change"]
    # Every message and every change comes alone: the dearest case.
    calls = {
        "ingest": messages,
        "process": messages + failures,
        "fanout": changes,
        "relay": failures,
        "control": reads,
        "sweep": MINUTES_A_MONTH,
        "monitor": MINUTES_A_MONTH,
    }
    units = {
        "submit": messages,
        "attempt_that_succeeds": messages,
        "attempt_that_fails": failures,
        "hand_over_by_relay": failures,
        "push_of_one_change": changes,
        "read": reads,
        "sweep": MINUTES_A_MONTH,
    }
    stored = size["messages_a_day"] * ASSUMED["retention_days"] * ASSUMED["item_bytes"] / GB
    seconds = sum(count * ASSUMED["milliseconds"][name] / 1000 for name, count in calls.items())
    logs = sum(calls.values()) * ASSUMED["log_bytes_an_invocation"] / GB
    logs += ASSUMED["log_gb_a_month_of_broker_and_network"]
    hours = ASSUMED["hours_a_month"]
    out = ((messages + reads) * ASSUMED["answer_bytes"] + pushes * ASSUMED["push_bytes"]) / GB
    return {
        "Amazon MQ": size["brokers"] * hours * PRICES[size["broker"]] + ASSUMED["broker_store_gb"] * PRICES["mq_gb_month"],
        "DynamoDB": sum(units[name] * UNITS[name]["write"] for name in units) * PRICES["write_unit"]
        + sum(units[name] * UNITS[name]["read"] for name in units) * PRICES["read_unit"]
        + stored * (PRICES["table_gb_month"] + PRICES["pitr_gb_month"]),
        "Lambda": sum(calls.values()) * PRICES["lambda_request"]
        + seconds * ASSUMED["memory_gb"] * PRICES["lambda_gb_second"],
        "API Gateway": (messages + reads) * PRICES["http_request"]
        + pushes * PRICES["websocket_message"]
        + size["open_sockets"] * MINUTES_A_MONTH * PRICES["websocket_minute"],
        "Interface endpoints": counts["interface endpoints, by zone of the broker"]
        * size["brokers"]
        * hours
        * PRICES["endpoint_hour"]
        + messages * ASSUMED["endpoint_bytes_a_message"] / GB * PRICES["endpoint_gb"],
        "Key and secrets": counts["keys"] * PRICES["kms_key_month"] + counts["secrets"] * PRICES["secret_month"],
        "Logs": logs * (PRICES["log_gb"] + PRICES["log_gb_month"]),
        "Alarms and dashboard": counts["alarm metrics"] * PRICES["alarm_month"]
        + counts["dashboards"] * PRICES["dashboard_month"],
        "Custom metrics": ASSUMED["custom_metrics"] * PRICES["metric_month"],
        "Data transfer out": out * PRICES["out_gb"],
    }


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def monthly() -> str:
    counts = template_counts()
    bills = [bill(size, counts) for size in MODEL["sizes"]]
    rows = [[service, *(f"{each[service]:.2f}" for each in bills)] for service in bills[0]]
    totals = [sum(each.values()) for each in bills]
    rows.append(["**Total**", *(f"**{total:.0f}**" for total in totals)])
    rows.append(["of it while nothing is sent", *(f"{idle:.0f}" for idle in idle_totals(counts))])
    return table(["a month", *(size["name"] for size in MODEL["sizes"])], rows)


def idle_totals(counts: dict[str, int]) -> list[float]:
    return [sum(bill(size | {"messages_a_day": 0, "open_sockets": 0}, counts).values()) for size in MODEL["sizes"]]


def per_million() -> str:
    """What a million more messages cost, where nothing gets larger for it."""
    counts = template_counts()
    size = MODEL["sizes"][0]
    million = 1e6 / ASSUMED["days_a_month"]
    with_them, without = (bill(size | {"messages_a_day": count, "open_sockets": 0}, counts) for count in (million, 0))
    rows = [[service, f"{with_them[service] - without[service]:.2f}"] for service in with_them]
    rows = [row for row in rows if float(row[1])]
    total = sum(with_them.values()) - sum(without.values())
    return table(["a million messages", "$"], [*rows, ["**Total**", f"**{total:.2f}**"]])


def capacity() -> str:
    rows = [[name.replace("_", " "), f"{units['write']:g}", f"{units['read']:g}"] for name, units in UNITS.items()]
    return table(["what", "write units", "read units"], rows)


def made() -> str:
    return table(["the template makes", ""], [[name, str(count)] for name, count in template_counts().items()])


def prices() -> str:
    confirmed = {"infracost": "Infracost", "unconfirmed": "**not confirmed**"}
    rows = [
        [price["unit"], f"{price['usd']:.10f}".rstrip("0").rstrip("."), confirmed[price["source"]], price["recorded"]]
        for price in MODEL["prices"].values()
    ]
    return table(["for one", "$", "by", "recorded"], rows)


TABLES = {"monthly": monthly, "per million": per_million, "capacity": capacity, "made": made, "prices": prices}


def main() -> None:
    document = HERE / "cost.md"
    old = document.read_text()
    new = old
    for name, compute in TABLES.items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        new, found = re.subn(
            f"({re.escape(begin)}).*?({re.escape(end)})", lambda at: f"{at[1]}{compute()}\n{at[2]}", new, flags=re.DOTALL
        )
        if found != 1:
            sys.exit(f"docs/cost.md has {found} places for the table {name!r}")
    if new != old and "--check" in sys.argv:
        sys.exit("docs/cost.md does not say what docs/cost.py computes: make cost")
    document.write_text(new)


main()
