use super::{Named, Template};
use crate::template::check;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The body as CloudWatch gets it, with a word in the place of each variable, and the variables.
fn body(template: &Template) -> Result<(Value, BTreeSet<String>), String> {
    let sub = &template.resource("Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"];
    let (mut text, mut variables) = (String::new(), BTreeSet::new());
    for (place, part) in sub[0].as_str().unwrap_or_default().split("${").enumerate() {
        let (variable, rest) =
            if place == 0 { ("", part) } else { part.split_once('}').unwrap_or(("", part)) };
        if place > 0 {
            variables.insert(variable.to_owned());
            text.push_str("variable");
        }
        text.push_str(rest);
    }
    let own: Vec<_> = sub[1].as_object().map(Map::keys).into_iter().flatten().collect();
    variables.retain(|variable| !own.contains(&variable));
    serde_json::from_str(&text).map(|body| (body, variables)).map_err(|error| format!("no JSON: {error}"))
}

fn valid(template: &Template) -> Vec<String> {
    let (body, variables) = match body(template) {
        Ok(read) => read,
        Err(problem) => return vec![problem],
    };
    let mut broken: Vec<_> = variables
        .iter()
        .filter(|variable| !variable.starts_with("AWS::"))
        .filter(|variable| template.resource(variable.split('.').next().unwrap_or_default()).is_null())
        .map(|variable| format!("nothing is called {variable}"))
        .collect();
    let widgets = body["widgets"].as_array().cloned().unwrap_or_default();
    if widgets.is_empty() {
        broken.push("it shows nothing".to_owned());
    }
    for widget in &widgets {
        let title = widget["properties"]["title"].as_str().unwrap_or("nameless");
        match widget["type"].as_str() {
            Some("text") if widget["properties"]["markdown"].is_string() => {}
            Some("metric") => broken.extend(of_widget(title, &widget["properties"])),
            _ => broken.push(format!("{title} is no widget")),
        }
    }
    broken
}

fn of_widget(title: &str, properties: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for needed in ["title", "region", "view", "stat", "period"] {
        if properties[needed].is_null() {
            broken.push(format!("{title} has no {needed}"));
        }
    }
    let metrics = properties["metrics"].as_array().cloned().unwrap_or_default();
    if metrics.is_empty() {
        broken.push(format!("{title} shows nothing"));
    }
    for metric in metrics {
        let words: Vec<_> = metric.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match words.as_slice() {
            [] if metric[0]["expression"].is_string() => {}
            [namespace, name, dimensions @ ..] if dimensions.len() % 2 == 0 => {
                let pairs = dimensions.chunks(2);
                let named = Named {
                    namespace: (*namespace).to_owned(),
                    name: (*name).to_owned(),
                    dimensions: pairs.map(|pair| (pair[0].to_owned(), pair[1].into())).collect(),
                };
                broken.extend(named.problem().map(|problem| format!("{title}: {problem}")));
            }
            _ => broken.push(format!("{title} has a metric that can't be read: {metric}")),
        }
    }
    broken
}

#[test]
fn the_dashboard_shows_what_is_measured() {
    check(
        valid,
        &[
            ("{\"widgets\": [", "{\"widgets\": [,", "no JSON"),
            (
                "\"End to end, p99\", \"region\"",
                "\"End to end, p99\", \"regio\"",
                "End to end, p99 has no region",
            ),
            ("\"EndToEndTime\"", "\"EndTime\"", "End to end, p99: there is no metric EndTime"),
            (
                "\"function\", \"process\", \"priority\"",
                "\"function\", \"process\", \"class\"",
                "has the dimensions",
            ),
            (
                "\"AWS/AmazonMQ\", \"QueueSize\"",
                "\"AWS/AmazonMQ\", \"Size\"",
                "AWS has no metric AWS/AmazonMQ Size",
            ),
            (
                "\"TableName\", \"${MessagesTable}\"",
                "\"TableName\", \"${MessageTable}\"",
                "nothing is called MessageTable",
            ),
            ("{\"type\": \"text\"", "{\"type\": \"words\"", "is no widget"),
        ],
    );
}

/// What stands first is what the promises are about.
fn objectives_first(template: &Template) -> Vec<String> {
    let first: Vec<_> =
        body(template).unwrap().0["widgets"].as_array().into_iter().flatten().take(4).cloned().collect();
    let shows =
        |name: &str| first.iter().any(|widget| widget["properties"]["metrics"].to_string().contains(name));
    let wanted = ["EndToEndTime", "OldestUnfinishedAge", "MessagesOverdue", "DeadLetters"];
    wanted.iter().filter(|name| !shows(name)).map(|name| format!("{name} does not stand first")).collect()
}

#[test]
fn objectives_stand_first() {
    check(
        objectives_first,
        &[(
            "\"Expedite\", \"OldestUnfinishedAge\"",
            "\"Expedite\", \"QueueWait\"",
            "OldestUnfinishedAge does not",
        )],
    );
}

/// Compute is billed by memory, which the expression has to know.
fn costs_by_memory(template: &Template) -> Vec<String> {
    let text = template.resource("Dashboard")["Properties"]["DashboardBody"].to_string();
    let memory = template.tree["Globals"]["Function"]["MemorySize"].as_f64().unwrap_or_default() / 1024.0;
    let own = template.resources("AWS::Serverless::Function");
    let own = own.iter().filter(|(_, function)| !function["Properties"]["MemorySize"].is_null());
    let mut broken: Vec<_> = own.map(|(name, _)| format!("{name} has a memory of its own")).collect();
    if !text.contains(&format!("SUM(METRICS()) / 1000 * {memory}")) {
        broken.push(format!("functions have {memory} GB"));
    }
    broken
}

#[test]
fn compute_is_counted_by_the_memory_that_functions_have() {
    check(
        costs_by_memory,
        &[
            ("    MemorySize: 256\n", "    MemorySize: 512\n", "functions have 0.5 GB"),
            (
                "      Timeout: 45\n",
                "      Timeout: 45\n      MemorySize: 128\n",
                "MonitorFunction has a memory",
            ),
        ],
    );
}
