//! Our own rules for `template.yaml`, for what linters miss, each with changes to the template that break it.

mod agreement;
mod apis;
mod broker;
mod functions;
mod keys;
mod mappings;
mod network;
mod parameters;
mod permissions;
mod permitted;
mod watching;

use crate::repository;
use expedite_tests::template;
use serde_json::Value;
use std::collections::BTreeSet;

/// A template, as text for what only comments say, and as a tree.
struct Template {
    text: String,
    tree: Value,
}

/// What a template does wrong.
type Rule = fn(&Template) -> Vec<String>;

impl Template {
    fn of(text: String) -> Self {
        Self { tree: template::parse(&text).unwrap(), text }
    }

    fn deployed() -> Self {
        Self::of(repository::read("template.yaml"))
    }

    /// With another text in the place of one, or of several that are the same.
    fn changed(&self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "the template has no {from:?} to break");
        Self::of(self.text.replace(from, to))
    }

    fn resources(&self, kind: &str) -> Vec<(&str, &Value)> {
        let found = template::resources(&self.tree, kind);
        assert!(!found.is_empty(), "the template has no {kind}");
        found
    }

    fn resource(&self, name: &str) -> &Value {
        &self.tree["Resources"][name]
    }
}

/// Holds a rule against the template, and shows that each of these changes breaks it, with these words.
fn check(rule: Rule, breaks: &[(&str, &str, &str)]) {
    let template = Template::deployed();
    assert_eq!(rule(&template), Vec::<String>::new());
    assert!(!breaks.is_empty(), "nobody has seen this rule broken");
    for (from, to, words) in breaks {
        let broken = rule(&template.changed(from, to));
        assert!(broken.iter().any(|said| said.contains(words)), "{from:?} as {to:?}: {broken:?}");
    }
}

/// The logical name that a `Ref` or a `Fn::GetAtt` points at; of what depends on a condition, where it holds.
fn target(value: &Value) -> Option<&str> {
    if let Some(branches) = value["Fn::If"].as_array() {
        return target(branches.get(1)?);
    }
    let attribute = value["Fn::GetAtt"].as_str().and_then(|text| text.split('.').next());
    value["Ref"].as_str().or(attribute)
}

/// One text or several.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// Everything that a value can be, whatever its conditions say; the items of a list one by one.
fn alternatives(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().flat_map(alternatives).collect(),
        other if other["Ref"] == "AWS::NoValue" => Vec::new(),
        other => match other["Fn::If"].as_array() {
            Some(branches) => branches.iter().skip(1).flat_map(alternatives).collect(),
            None => vec![other],
        },
    }
}

/// The logical names that stand anywhere in a value, of resources, parameters and pseudo parameters.
fn resources_named_in(value: &Value) -> BTreeSet<String> {
    let logical = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
    match value {
        Value::Array(items) => items.iter().flat_map(resources_named_in).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value.as_str()) {
                ("Ref" | "Fn::GetAtt", Some(text)) => BTreeSet::from([logical(text)]),
                ("Fn::Sub", Some(text)) => {
                    text.split("${").skip(1).filter_map(|rest| rest.split('}').next()).map(logical).collect()
                }
                _ => resources_named_in(value),
            })
            .collect(),
        _ => BTreeSet::new(),
    }
}
