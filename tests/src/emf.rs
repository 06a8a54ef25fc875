//! CloudWatch's embedded metric format, as its specification and the JSON schema in it have it.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde_json::{Map, Value};

/// The units of `MetricDatum` in CloudWatch's API.
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// What is wrong with a line, if anything: CloudWatch passes over a line with a fault, and says so nowhere near.
///
/// # Errors
/// The first fault.
pub fn check(line: &Value) -> Result<(), String> {
    let root = object(line, "the line")?;
    if line.to_string().len() > 1024 * 1024 {
        return Err("larger than a log event may be".to_owned());
    }
    let metadata = object(&line["_aws"], "_aws")?;
    only(metadata, &["Timestamp", "CloudWatchMetrics"])?;
    let timestamp = metadata.get("Timestamp").and_then(Value::as_i64).ok_or("Timestamp is no integer")?;
    if !(1_000_000_000_000..10_000_000_000_000).contains(&timestamp) {
        return Err(format!("Timestamp {timestamp} is not in milliseconds"));
    }
    let directives = list(&line["_aws"]["CloudWatchMetrics"], "CloudWatchMetrics", 1, usize::MAX)?;
    directives.iter().try_for_each(|directive| check_directive(root, directive))
}

fn check_directive(root: &Map<String, Value>, directive: &Value) -> Result<(), String> {
    only(object(directive, "a directive")?, &["Namespace", "Dimensions", "Metrics"])?;
    text(&directive["Namespace"], "Namespace", 1024)?;
    for set in list(&directive["Dimensions"], "Dimensions", 1, usize::MAX)? {
        for name in list(set, "a dimension set", 0, 30)? {
            let name = text(name, "a dimension", 250)?;
            let value = root.get(name).ok_or(format!("the dimension {name} has no value"))?;
            text(value, name, 1024)?;
        }
    }
    for metric in list(&directive["Metrics"], "Metrics", 1, 100)? {
        only(object(metric, "a metric")?, &["Name", "Unit", "StorageResolution"])?;
        let name = text(&metric["Name"], "Name", 1024)?;
        if let Some(unit) = metric.get("Unit").filter(|unit| !UNITS.iter().any(|known| *unit == known)) {
            return Err(format!("{name} has the unit {unit}"));
        }
        if let Some(resolution) = metric.get("StorageResolution").filter(|it| **it != 1 && **it != 60) {
            return Err(format!("{name} has the resolution {resolution}"));
        }
        let value = root.get(name).ok_or(format!("{name} has no value"))?;
        let values = match value {
            Value::Array(_) => list(value, name, 1, 100)?,
            one => std::slice::from_ref(one),
        };
        if !values.iter().all(Value::is_number) {
            return Err(format!("{name} is {value}, which is no number"));
        }
    }
    Ok(())
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or(format!("{name} is no object: {value}"))
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(format!("{unknown} is no member of the format")),
        None => Ok(()),
    }
}

fn list<'a>(value: &'a Value, name: &str, least: usize, most: usize) -> Result<&'a [Value], String> {
    let list = value.as_array().ok_or(format!("{name} is no list: {value}"))?;
    if (least..=most).contains(&list.len()) { Ok(list) } else { Err(format!("{name} has {}", list.len())) }
}

fn text<'a>(value: &'a Value, name: &str, most: usize) -> Result<&'a str, String> {
    let text = value.as_str().ok_or(format!("{name} is no text: {value}"))?;
    if (1..=most).contains(&text.len()) { Ok(text) } else { Err(format!("{name} has {} bytes", text.len())) }
}
