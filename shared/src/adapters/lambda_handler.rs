//! A handler that is a Lambda function, in any language: invoked once per attempt, synchronously.
//!
//! It gets `{id, tenant, trace, type, priority, attempt, max_attempts, deadline, payload}` and ends the attempt by its answer:
//!
//! | answer | attempt |
//! |---|---|
//! | `null`, or any JSON without `outcome` | done |
//! | `{"outcome": "done"}` | done |
//! | `{"outcome": "retry", "after_seconds": 30, "reason": "…"}` | failed; tried again, by the backoff where no time is named |
//! | `{"outcome": "snooze", "after_seconds": 60, "reason": "…"}` | not counted; comes back then |
//! | `{"outcome": "discard", "reason": "…"}` | failed for good |
//! | an `outcome` of any other form | failed; the reason says what could not be read |
//! | a function error: an exception, a time-out, an exit | failed; the reason is `errorType: errorMessage` |
//! | throttled, or Lambda not reachable | snoozed for some seconds, since the function never ran |
//! | cut off while the function may have run | failed |
//! | any other refusal of the call: no permission, no such function | failed; an operator must mend it |

use crate::{
    handler::{Handler, Job, Verdict},
    view::rfc3339,
};
use aws_config::SdkConfig;
use aws_sdk_lambda::{Client, error::SdkError, operation::invoke::InvokeError, primitives::Blob};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use std::{error::Error, iter, time::Duration};

/// How long a message waits when its function could not be started.
const THROTTLED_WAIT: Duration = Duration::from_secs(5);

/// The longest wait that an answer can ask for: 30 days, as for callers.
const LONGEST_WAIT_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Invokes one function.
pub struct LambdaHandler {
    client: Client,
    function: String,
}

#[derive(Serialize)]
struct Request<'a> {
    id: String,
    tenant: &'a str,
    trace: String,
    r#type: &'a str,
    priority: &'static str,
    attempt: u32,
    max_attempts: u32,
    deadline: String,
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Done,
    Retry,
    Snooze,
    Discard,
}

#[derive(Deserialize)]
struct Answer {
    outcome: Kind,
    after_seconds: Option<u64>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: Option<String>,
    error_message: Option<String>,
}

impl LambdaHandler {
    /// Takes the function's ARN. Calls are not retried here: a call whose answer got lost may have run.
    pub fn new(sdk: &SdkConfig, function: String) -> Self {
        let config = aws_sdk_lambda::config::Builder::from(sdk)
            .retry_config(aws_sdk_lambda::config::retry::RetryConfig::disabled())
            .build();
        Self { client: Client::from_conf(config), function }
    }
}

impl Handler for LambdaHandler {
    async fn handle(&self, job: Job) -> Verdict {
        let request = Request {
            id: job.id.to_string(),
            tenant: job.tenant.as_str(),
            trace: job.trace.to_string(),
            r#type: job.kind.as_str(),
            priority: job.priority.as_str(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            deadline: rfc3339(job.deadline),
            payload: job.payload.raw(),
        };
        let body = match serde_json::to_vec(&request) {
            Ok(body) => body,
            Err(error) => {
                return Verdict::Discard { reason: format!("the request can't be written: {error}") };
            }
        };
        let called = self.client.invoke().function_name(&self.function).payload(Blob::new(body)).send().await;
        match called {
            Ok(output) => {
                let answer = output.payload().map(AsRef::as_ref).unwrap_or_default();
                if output.function_error().is_some() { function_error(answer) } else { verdict(answer) }
            }
            Err(error) => refused_call(&error),
        }
    }
}

fn refused_call(error: &SdkError<InvokeError>) -> Verdict {
    let reason = super::dynamodb::describe(error);
    let never_ran = match error.as_service_error() {
        Some(service) => {
            service.is_too_many_requests_exception()
                || service.is_resource_not_ready_exception()
                || service.is_ec2_throttled_exception()
        }
        None => never_connected(error),
    };
    if never_ran {
        Verdict::Snooze {
            after: THROTTLED_WAIT,
            reason: format!("the handler could not be started: {reason}"),
        }
    } else {
        Verdict::Retry { after: None, reason: format!("the handler could not be called: {reason}") }
    }
}

/// A call that was cut off later may have run. Taken for one that did not, it would come back for ever, uncounted.
fn never_connected(error: &SdkError<InvokeError>) -> bool {
    iter::successors(error.source(), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}

fn function_error(answer: &[u8]) -> Verdict {
    let reason = match serde_json::from_slice::<FunctionError>(answer) {
        Ok(FunctionError { error_type, error_message }) => {
            [error_type, error_message].into_iter().flatten().collect::<Vec<_>>().join(": ")
        }
        Err(_) => String::from_utf8_lossy(answer).into_owned(),
    };
    Verdict::Retry { after: None, reason: format!("the handler failed: {reason}") }
}

fn verdict(answer: &[u8]) -> Verdict {
    let Ok(value) = serde_json::from_slice::<Value>(answer) else {
        return if answer.is_empty() { Verdict::Done } else { unreadable("it is no JSON") };
    };
    if value.get("outcome").is_none() {
        return Verdict::Done;
    }
    let answer: Answer = match serde_json::from_value(value) {
        Ok(answer) => answer,
        Err(error) => return unreadable(error),
    };
    let after = answer.after_seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT_SECONDS)));
    let reason = answer.reason.unwrap_or_else(|| "the handler gave no reason".to_owned());
    match answer.outcome {
        Kind::Done => Verdict::Done,
        Kind::Retry => Verdict::Retry { after, reason },
        Kind::Discard => Verdict::Discard { reason },
        Kind::Snooze => match after {
            Some(after) => Verdict::Snooze { after, reason },
            None => unreadable("a snooze needs after_seconds"),
        },
    }
}

fn unreadable(problem: impl std::fmt::Display) -> Verdict {
    Verdict::Retry { after: None, reason: format!("the handler's answer can't be read: {problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_attempts_as_documented() {
        let retry = |after: Option<u64>, reason: &str| Verdict::Retry {
            after: after.map(Duration::from_secs),
            reason: reason.to_owned(),
        };
        for (answer, expected) in [
            ("", Verdict::Done),
            ("null", Verdict::Done),
            (r#"{"statusCode":500}"#, Verdict::Done),
            (r#"{"outcome":"done"}"#, Verdict::Done),
            (r#"{"outcome":"retry"}"#, retry(None, "the handler gave no reason")),
            (r#"{"outcome":"retry","after_seconds":30,"reason":"busy"}"#, retry(Some(30), "busy")),
            (
                r#"{"outcome":"snooze","after_seconds":60,"reason":"early"}"#,
                Verdict::Snooze { after: Duration::from_secs(60), reason: "early".to_owned() },
            ),
            (r#"{"outcome":"discard","reason":"bad"}"#, Verdict::Discard { reason: "bad".to_owned() }),
            (
                r#"{"outcome":"snooze","after_seconds":99999999999}"#,
                Verdict::Snooze {
                    after: Duration::from_secs(2_592_000),
                    reason: "the handler gave no reason".to_owned(),
                },
            ),
        ] {
            assert_eq!(verdict(answer.as_bytes()), expected, "{answer}");
        }
        for answer in [
            "oops",
            r#"{"outcome":"fine"}"#,
            r#"{"outcome":"snooze"}"#,
            r#"{"outcome":"retry","after_seconds":-1}"#,
        ] {
            let Verdict::Retry { after: None, reason } = verdict(answer.as_bytes()) else {
                panic!("{answer}");
            };
            assert!(reason.contains("can't be read"), "{reason}");
        }
    }

    #[test]
    fn function_errors_keep_their_words() {
        let verdict = function_error(br#"{"errorType":"KeyError","errorMessage":"'x'"}"#);
        assert_eq!(
            verdict,
            Verdict::Retry { after: None, reason: "the handler failed: KeyError: 'x'".to_owned() }
        );
    }
}
