use expedite::problem::FieldError;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use std::collections::BTreeSet;

/// Every parameter that is none of `known`, separated by commas, and every one that stands more than once: which of two
/// values counts is nothing to guess about.
pub(crate) fn refused(given: &QueryMap, known: &str) -> Vec<FieldError> {
    let names: BTreeSet<_> = given.iter().map(|(name, _)| name).collect();
    let refusal = |name: &str| {
        if !known.split(", ").any(|word| word == name) {
            Some(format!("is not a parameter here; known: {known}"))
        } else if given.all(name).is_some_and(|values| values.len() > 1) {
            Some("stands more than once".to_owned())
        } else {
            None
        }
    };
    names.into_iter().filter_map(|name| Some(FieldError::new(name, refusal(name)?))).collect()
}
