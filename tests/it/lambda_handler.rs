//! The handler that is a Lambda function, against a stand-in for Lambda's Invoke API.

use crate::stand_in::{Call, Reply, sdk, serve};
use expedite::{
    adapters::lambda_handler::LambdaHandler,
    conformance::{NOON, payload, submission, tenant},
    domain::{Priority, Submission},
    handler::{Handler, Job, Verdict},
};
use futures_util::join;
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpListener;

fn handler(listener: &TcpListener) -> LambdaHandler {
    LambdaHandler::new(&sdk(listener), "work".to_owned())
}

fn job() -> Job {
    let Submission { tenant, id, trace, kind, .. } = submission(&tenant("acme"), 1);
    let payload = payload(r#"{"n":1.10}"#);
    let deadline = NOON.plus(Duration::from_secs(30));
    Job { id, tenant, trace, kind, priority: Priority::High, attempt: 2, max_attempts: 5, deadline, payload }
}

async fn check(reply: Reply) -> (Verdict, Call) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let handler = handler(&listener);
    // It listens no longer than for one call.
    join!(handler.handle(job()), async move { serve(&listener, reply).await })
}

#[tokio::test]
async fn the_function_is_given_the_job() {
    let (verdict, call) = check(Reply::Answer(200, "", "null")).await;
    assert_eq!(verdict, Verdict::Done);
    assert_eq!(call.target, "POST /2015-03-31/functions/work/invocations HTTP/1.1");
    let expected = json!({
        "id": job().id.to_string(), "tenant": "acme", "type": "demo", "priority": "high",
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
        "attempt": 2, "max_attempts": 5, "deadline": "2026-01-31T12:00:30.000Z", "payload": {"n": 1.10},
    });
    assert_eq!(call.body, expected);
}

/// How an answer of Lambda's ends the attempt, and words of the reason.
#[tokio::test]
async fn answers_end_the_attempt() {
    const FAILED: &str = "x-amz-function-error: Unhandled\r\n";
    const THROTTLED: &str = "x-amzn-errortype: TooManyRequestsException\r\n";
    const NOT_READY: &str = "x-amzn-errortype: ResourceNotReadyException\r\n";
    const DENIED: &str = "x-amzn-errortype: AccessDeniedException\r\n";
    const MISSING: &str = "x-amzn-errortype: ResourceNotFoundException\r\n";
    const BROKEN: &str = "x-amzn-errortype: ServiceException\r\n";
    for (reply, kind, words) in [
        (
            Reply::Answer(200, "", r#"{"outcome":"discard","reason":"no such address"}"#),
            "discard",
            "no such address",
        ),
        (
            Reply::Answer(200, FAILED, r#"{"errorType":"KeyError","errorMessage":"'x'","stackTrace":[]}"#),
            "retry",
            "the handler failed: KeyError: 'x'",
        ),
        (
            Reply::Answer(200, FAILED, r#"{"errorMessage":"Task timed out after 3.00 seconds"}"#),
            "retry",
            "the handler failed: Task timed out",
        ),
        (Reply::Answer(429, THROTTLED, "{}"), "snooze", "could not be started: TooManyRequestsException"),
        (Reply::Answer(502, NOT_READY, "{}"), "snooze", "could not be started: ResourceNotReadyException"),
        (Reply::Answer(403, DENIED, "{}"), "retry", "could not be called: AccessDeniedException"),
        (Reply::Answer(404, MISSING, "{}"), "retry", "could not be called: ResourceNotFoundException"),
        (Reply::Answer(500, BROKEN, "{}"), "retry", "could not be called: ServiceException"),
        // The function may have run: an attempt that is never counted would come back for ever.
        (Reply::Reset, "retry", "could not be called"),
        (Reply::Close, "retry", "could not be called"),
    ] {
        let (verdict, _) = check(reply).await;
        let (found, reason) = match verdict {
            Verdict::Done => ("done", String::new()),
            Verdict::Retry { after: None, reason } => ("retry", reason),
            Verdict::Retry { reason, .. } => ("retry after a time", reason),
            Verdict::Snooze { after, reason } => {
                assert_eq!(after, Duration::from_secs(5));
                ("snooze", reason)
            }
            Verdict::Discard { reason } => ("discard", reason),
        };
        assert_eq!(found, kind, "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn a_function_that_cannot_be_reached_has_not_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let handler = handler(&listener);
    drop(listener);
    assert!(matches!(handler.handle(job()).await, Verdict::Snooze { .. }));
}

/// A call that was cut off may have run, so it is not made again behind the caller's back.
#[tokio::test]
async fn a_call_is_made_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let handler = handler(&listener);
    let second = async {
        serve(&listener, Reply::Answer(500, "", "{}")).await;
        listener.accept().await
    };
    tokio::select! {
        verdict = handler.handle(job()) => assert!(matches!(verdict, Verdict::Retry { .. })),
        _ = second => panic!("the function was called again"),
    }
}
