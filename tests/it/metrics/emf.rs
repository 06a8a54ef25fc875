//! The lines in which metrics leave.

use expedite::{
    adapters::emf::lines,
    conformance::NOON,
    domain::Priority,
    metrics::{Function, Metric, Sample},
};
use expedite_tests::emf::check;
use serde_json::{Value, json};

fn sample(metric: Metric, priority: Option<Priority>, value: u64) -> Sample {
    Sample { metric, priority, value }
}

fn changed(line: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut line = line.clone();
    change(&mut line);
    line
}

#[test]
fn a_line_defines_what_it_holds() {
    let samples = [
        sample(Metric::LeasesLapsed, None, 2),
        sample(Metric::MessagesAged, Some(Priority::Low), 1),
        sample(Metric::LeasesLapsed, None, 1),
        sample(Metric::OutboxAge, Some(Priority::Low), 40),
        sample(Metric::OutboxAge, Some(Priority::Low), 2),
        sample(Metric::OutboxAge, Some(Priority::High), 0),
    ];
    let line = |dimensions: Value, metrics: Value, members: Value| {
        let mut line = json!({
            "_aws": {
                "Timestamp": 1_769_860_800_000_i64,
                "CloudWatchMetrics": [
                    {"Namespace": "Expedite", "Dimensions": [dimensions], "Metrics": metrics},
                ],
            },
            "function": "relay",
        });
        line.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        line
    };
    let age = json!({"Name": "OutboxAge", "Unit": "Seconds"});
    let aged = json!({"Name": "MessagesAged", "Unit": "Count"});
    let expected = [
        line(
            json!(["function"]),
            json!([{"Name": "LeasesLapsed", "Unit": "Count"}]),
            json!({"LeasesLapsed": 3}),
        ),
        line(
            json!(["function", "priority"]),
            json!([age, aged]),
            json!({"priority": "low", "OutboxAge": [40, 2], "MessagesAged": 1}),
        ),
        line(json!(["function", "priority"]), json!([age]), json!({"priority": "high", "OutboxAge": 0})),
    ];
    assert_eq!(lines(Function::Relay, NOON, &samples), expected);
    assert_eq!(lines(Function::Relay, NOON, &[]), Vec::<Value>::new());
}

/// Everything that can be measured, and a time more often than a line may hold.
#[test]
fn all_lines_keep_to_the_format_and_hold_every_value() {
    for function in Metric::ALL.iter().flat_map(|metric| metric.functions()) {
        let mut samples = Vec::new();
        for metric in Metric::ALL {
            for priority in [None, Some(Priority::High), Some(Priority::Medium), Some(Priority::Low)] {
                let one = sample(*metric, priority, 7);
                samples.extend((0..250).map(|_| one).filter(|one| one.is_of(*function)));
            }
        }
        let lines = lines(*function, NOON, &samples);
        assert!(lines.iter().all(|line| check(line) == Ok(())), "{function}: {lines:?}");
        let mut found: u64 = 0;
        for line in &lines {
            for definition in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
                let value = &line[definition["Name"].as_str().unwrap()];
                found += value.as_u64().into_iter().sum::<u64>();
                found += value.as_array().into_iter().flatten().filter_map(Value::as_u64).sum::<u64>();
            }
        }
        assert_eq!(found, 7 * u64::try_from(samples.len()).unwrap(), "{function}");
    }
}

/// The check that the test above trusts.
#[test]
fn what_is_wrong_with_a_line_is_found() {
    let line = lines(Function::Relay, NOON, &[sample(Metric::OutboxAge, Some(Priority::Low), 1)]).remove(0);
    assert_eq!(check(&line), Ok(()));
    let directive = "/_aws/CloudWatchMetrics/0";
    let breaks: [(&str, Value, &str); 14] = [
        ("", json!("text"), "no object"),
        ("/_aws/Timestamp", json!(1_769_860_800), "not in milliseconds"),
        ("/_aws/Timestamp", json!("now"), "no integer"),
        ("/_aws/CloudWatchMetrics", json!([]), "has 0"),
        ("/Namespace", json!(""), "has 0 bytes"),
        ("/Namespace", json!("n".repeat(1025)), "has 1025 bytes"),
        ("/Dimensions", json!([]), "has 0"),
        ("/Dimensions/0", json!(vec!["function"; 31]), "has 31"),
        ("/Dimensions/0/0", json!("colour"), "has no value"),
        ("/Metrics", json!([]), "has 0"),
        ("/Metrics/0/Unit", json!("Minutes"), "has the unit"),
        ("/Metrics/0/Name", json!("Other"), "has no value"),
        ("/OutboxAge", json!(vec![1; 101]), "has 101"),
        ("/OutboxAge", json!("1"), "no number"),
    ];
    for (pointer, value, word) in breaks {
        let within = ["/Namespace", "/Dimensions", "/Metrics"].iter().any(|part| pointer.starts_with(part));
        let pointer = if within { format!("{directive}{pointer}") } else { pointer.to_owned() };
        let broken = changed(&line, |line| *line.pointer_mut(&pointer).unwrap() = value);
        let fault = check(&broken).unwrap_err();
        assert!(fault.contains(word), "{pointer}: {fault}");
    }
    for pointer in ["/_aws", directive, "/_aws/CloudWatchMetrics/0/Metrics/0"] {
        let broken = changed(&line, |line| line.pointer_mut(pointer).unwrap()["More"] = json!(1));
        assert!(check(&broken).unwrap_err().contains("no member"), "{pointer}");
    }
    let broken = changed(&line, |line| line["function"] = json!(7));
    assert!(check(&broken).unwrap_err().contains("no text"));
    let broken = changed(&line, |line| {
        line.pointer_mut(directive).unwrap()["Metrics"][0]["StorageResolution"] = json!(5);
    });
    assert!(check(&broken).unwrap_err().contains("resolution"));
}
