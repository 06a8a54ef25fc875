//! `template.yaml` as JSON, with CloudFormation's short tags in their long form: `!Ref X` is `{"Ref": "X"}`,
//! `!GetAtt X.Arn` is `{"Fn::GetAtt": "X.Arn"}`.

use crate::Result;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};

/// Reads the repository's template.
///
/// # Errors
/// It is missing, or is no YAML.
pub fn load() -> Result<Value> {
    parse(&fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml"))?)
}

/// Reads a template.
///
/// # Errors
/// It is no YAML, or not one document.
pub fn parse(text: &str) -> Result<Value> {
    match Yaml::load_from_str(text)?.as_slice() {
        [document] => json(document),
        documents => Err(format!("the template has {} documents", documents.len()).into()),
    }
}

/// The resources of a type: their names in the template and their definitions.
pub fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let all = template["Resources"].as_object().into_iter().flatten();
    all.filter(|(_, resource)| resource["Type"] == kind).map(|(name, it)| (name.as_str(), it)).collect()
}

fn json(node: &Yaml<'_>) -> Result<Value> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(json).collect::<Result<_>>()?,
        Yaml::Mapping(members) => {
            let member = |(name, value): (&Yaml<'_>, &Yaml<'_>)| {
                let name = name.as_str().ok_or("a member's name is no text")?;
                Ok((name.to_owned(), json(value)?))
            };
            members.iter().map(member).collect::<Result<Map<_, _>>>()?.into()
        }
        Yaml::Tagged(tag, value) => {
            let function = match tag.suffix.as_str() {
                plain @ ("Ref" | "Condition") => plain.to_owned(),
                short => format!("Fn::{short}"),
            };
            json!({function: json(value)?})
        }
        other => return Err(format!("a node can't be read: {other:?}").into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_take_their_long_form() {
        let template = parse("{a: !Ref X, b: !GetAtt X.Arn, c: !If [C, !Sub '${X}', 1], d: 'on'}").unwrap();
        let expected = json!({
            "a": {"Ref": "X"},
            "b": {"Fn::GetAtt": "X.Arn"},
            "c": {"Fn::If": ["C", {"Fn::Sub": "${X}"}, 1]},
            "d": "on",
        });
        assert_eq!(template, expected);
    }
}
