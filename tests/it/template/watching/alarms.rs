use super::{Template, alarms, looked_at};
use crate::{
    repository,
    template::{check, target, texts},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The runbook's paragraphs by the anchors that their headings have: those under the heading "Alarms".
fn runbook() -> BTreeMap<String, String> {
    let text = repository::read("docs/operations.md");
    let alarms = text.split("\n## ").find_map(|part| part.strip_prefix("Alarms\n")).unwrap();
    let paragraphs = alarms.split("\n### ").skip(1).map(|part| part.split_once('\n').unwrap());
    paragraphs.map(|(heading, text)| (anchor(heading), text.to_owned())).collect()
}

/// As the page that shows the file makes it: small letters, dashes for spaces, and nothing else but letters and digits.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn explained(template: &Template) -> Vec<String> {
    let runbook = runbook();
    let mut broken = Vec::new();
    let mut named = BTreeSet::new();
    for (name, alarm) in alarms(template) {
        let description = alarm["Properties"]["AlarmDescription"].as_str().unwrap_or_default();
        match description.split_once(". docs/operations.md#") {
            Some((meaning, anchor)) if !meaning.is_empty() && runbook.contains_key(anchor) => {
                named.insert(anchor.to_owned());
            }
            _ => broken.push(format!("{name} leads to no paragraph: {description:?}")),
        }
    }
    for (heading, text) in &runbook {
        if !named.contains(heading) {
            broken.push(format!("no alarm leads to {heading}"));
        }
        for part in ["**Means:**", "**See:**", "**Do:**"] {
            if !text.contains(part) {
                broken.push(format!("{heading} has no {part}"));
            }
        }
    }
    broken
}

#[test]
fn every_alarm_has_a_paragraph_and_every_paragraph_an_alarm() {
    check(
        explained,
        &[
            (
                "'ingest fails. docs/operations.md#a-function-fails'",
                "ingest fails",
                "IngestErrors leads to no",
            ),
            (
                "docs/operations.md#a-queue-has-no-consumer",
                "docs/operations.md#a-queue",
                "leads to no paragraph",
            ),
            ("#the-stream-is-read-late", "#a-function-fails", "no alarm leads to the-stream-is-read-late"),
        ],
    );
}

/// Everybody is told, when it begins and when it ends, and nobody has to guess what it means that nothing is measured.
fn heard(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, alarm) in alarms(template) {
        let properties = &alarm["Properties"];
        for actions in ["AlarmActions", "OKActions"] {
            let told = properties[actions].as_array().into_iter().flatten();
            if !told.clone().any(|to| target(to) == Some("AlarmTopic")) {
                broken.push(format!("{name} tells nobody by its {actions}"));
            }
        }
        let missing = properties["TreatMissingData"].as_str().unwrap_or_default();
        let of_monitor = looked_at(alarm)
            .iter()
            .any(|metric| metric.dimensions.get("function").is_some_and(|function| function == "monitor"));
        // Where the monitor is silent nothing is known, and an alarm that says so is another one.
        let expected = match (name, of_monitor) {
            ("MonitorSilent", _) => "breaching",
            (_, true) => "missing",
            _ => "notBreaching",
        };
        if missing != expected {
            broken.push(format!("{name} takes what is missing for {missing:?} and not {expected:?}"));
        }
    }
    broken
}

#[test]
fn every_alarm_is_heard() {
    check(
        heard,
        &[
            ("AlarmActions: [!Ref AlarmTopic], OK", "OK", "IngestErrors tells nobody by its AlarmActions"),
            (", OKActions: [!Ref AlarmTopic],\n", ",\n", "RelayErrors tells nobody by its OKActions"),
            ("TreatMissingData: breaching", "TreatMissingData: notBreaching", "MonitorSilent takes what"),
            ("TreatMissingData: missing", "TreatMissingData: breaching", "BrokerNotRunning takes what"),
        ],
    );
}

fn of_known_metrics(template: &Template) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, alarm) in alarms(template) {
        let metrics = looked_at(alarm);
        if metrics.is_empty() {
            broken.push(format!("{name} looks at nothing"));
        }
        broken.extend(metrics.iter().filter_map(|metric| Some(format!("{name}: {}", metric.problem()?))));
    }
    broken
}

#[test]
fn every_alarm_is_on_a_metric_that_is_measured() {
    check(
        of_known_metrics,
        &[
            (
                "MetricName: OldestHandoverAge",
                "MetricName: OldestHandover",
                "there is no metric OldestHandover",
            ),
            (
                "{Name: function, Value: monitor}, {Name: priority, Value: low}",
                "{Name: function, Value: monitor}",
                "LowOldest: OldestUnfinishedAge has the dimensions",
            ),
            ("{Name: priority, Value: high}", "{Name: priority, Value: urgent}", "has no priority"),
            (
                "MetricName: Strays, Dimensions: [{Name: function, Value: dead-letter}]",
                "MetricName: Strays, Dimensions: [{Name: function, Value: relay}]",
                "relay does not measure Strays",
            ),
            (
                "MetricName: HeapUsage",
                "MetricName: HeapPercent",
                "AWS has no metric AWS/AmazonMQ HeapPercent",
            ),
            ("{Name: ApiId,", "{Name: ApiName,", "AWS has no metric AWS/ApiGateway 5xx"),
            ("MetricName: Throttles,", "Metric: Throttles,", "looks at nothing"),
        ],
    );
}

/// The monitor is asked about the same mappings that there are, and may read these alone.
fn watches_every_mapping(template: &Template) -> Vec<String> {
    let monitor = &template.resource("MonitorFunction")["Properties"];
    let listed = &monitor["Environment"]["Variables"]["MAPPINGS"]["Fn::Join"][1];
    let listed: Vec<_> =
        listed.as_array().into_iter().flatten().filter_map(|pair| pair["Fn::Sub"].as_str()).collect();
    let policies = monitor["Policies"].as_array().into_iter().flatten();
    let statements = policies.flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
    let mut allowed =
        statements.filter(|statement| texts(&statement["Action"]) == ["lambda:GetEventSourceMapping"]);
    let allowed = allowed.next().map_or_else(String::new, |statement| statement["Resource"].to_string());
    let mut broken = Vec::new();
    for (name, mapping) in template.resources("AWS::Lambda::EventSourceMapping") {
        let called = match &mapping["Properties"]["Queues"] {
            Value::Null => target(&mapping["Properties"]["FunctionName"])
                .and_then(|function| {
                    template.resource(function)["Metadata"]["BuildProperties"]["Binary"].as_str()
                })
                .unwrap_or_default(),
            queues => queues[0].as_str().unwrap_or_default(),
        };
        let pair = format!("{called}=${{{name}}}");
        if !listed.contains(&pair.as_str()) {
            broken.push(format!("the monitor is not asked about {pair}"));
        }
        if !allowed.contains(&format!(":event-source-mapping:${{{name}}}")) {
            broken.push(format!("the monitor may not read {name}"));
        }
        if monitor::Watched::new((called.to_owned(), String::new()))
            .map_or(true, |watched| watched.works.name() != format!("{name}Works"))
        {
            broken.push(format!("{name} has no metric of its own"));
        }
    }
    broken
}

#[test]
fn the_monitor_watches_every_mapping() {
    check(
        watches_every_mapping,
        &[
            (
                "!Sub relay=${RelayMapping}",
                "!Sub relay=${FanoutMapping}",
                "not asked about relay=${RelayMapping}",
            ),
            (
                "event-source-mapping:${ExpressMapping}",
                "event-source-mapping:*",
                "may not read ExpressMapping",
            ),
            ("Queues: [DLQ.express]", "Queues: [other]", "ExpressDeadLetterMapping has no metric"),
        ],
    );
}
