//! A handler that is a Lambda function, on a system of its own whose template names one.

use crate::{
    aws::sdk,
    support::{SOON, path},
};
use aws_sdk_lambda::{primitives::Blob, types::Runtime};
use expedite_tests::launcher::{System, project};
use serde_json::{Value, json};
use std::process::Command;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:handler";

#[tokio::test]
async fn a_lambda_function_does_the_work_and_its_answer_ends_the_attempt() {
    let parameter = format!("HandlerFunctionArn={FUNCTION}");
    let system = System::start("handler-tests", &["--parameter", &parameter]).unwrap();
    create_handler(&system).await;
    let caller = system.caller("acme").unwrap();
    for (payload, max_attempts, expected) in [
        (json!({"answer": null}), 1, ("completed", 1, "")),
        (json!({"answer": {"anything": 1}}), 1, ("completed", 1, "")),
        (json!({"answer": {"outcome": "discard", "reason": "unknown"}}), 5, ("failed", 1, "unknown")),
        (
            json!({"first": {"outcome": "retry", "after_seconds": 0, "reason": "busy"}}),
            2,
            ("completed", 2, ""),
        ),
        (json!({"first": {"outcome": "fine"}}), 1, ("failed", 1, "can't be read")),
        // The emulator names every exception Runtime.HandlerError; its message is the handler's own.
        (json!({"raise": "boom"}), 1, ("failed", 1, ": boom")),
    ] {
        let message = json!({"type": "demo", "max_attempts": max_attempts, "payload": payload});
        let id = caller.submit(&message).await.unwrap();
        let message = caller.wait_for(&id, &["completed", "failed"], SOON).await.unwrap();
        let (state, attempt, reason) = expected;
        assert_eq!((&message["state"], &message["attempt"]), (&json!(state), &json!(attempt)), "{message}");
        assert!(message["reason"].as_str().unwrap_or_default().contains(reason), "{message}");
        assert_eq!(path(&message).last(), Some(&state));
    }

    let echo = json!({"type": "demo", "priority": "high", "payload": {"echo": 1.10}});
    let id = caller.submit(&echo).await.unwrap();
    let message = caller.wait_for(&id, &["failed"], SOON).await.unwrap();
    let event: Value = serde_json::from_str(message["reason"].as_str().unwrap()).unwrap();
    assert_eq!((&event["id"], &event["type"]), (&json!(id), &json!("demo")));
    assert_eq!((&event["priority"], &event["attempt"]), (&json!("high"), &json!(1)));
    assert_eq!((&event["max_attempts"], &event["payload"]), (&json!(5), &json!({"echo": 1.1})));
    assert!(event["tenant"].is_string() && event["deadline"].is_string(), "{event}");
}

/// Creates the function that the parameter names.
async fn create_handler(system: &System) {
    let archive = system.endpoints.logs.join("handler.zip");
    let python = project().join(".local/venv-emulator/bin/python");
    let zipped = Command::new(python)
        .args(["-m", "zipfile", "-c"])
        .arg(&archive)
        .arg(project().join("tests/system/handler/index.py"))
        .status();
    assert!(zipped.unwrap().success());
    let code = aws_sdk_lambda::types::FunctionCode::builder();
    let code = code.zip_file(Blob::new(std::fs::read(archive).unwrap())).build();
    let lambda = aws_sdk_lambda::Client::new(&sdk(system).await);
    let control = format!("{}-control", system.endpoints.stack_name);
    let configuration = lambda.get_function_configuration().function_name(control).send().await.unwrap();
    // It calls nothing of AWS's, so any role that there is will do.
    let role = configuration.role.unwrap();
    lambda
        .create_function()
        .function_name("handler")
        .runtime(Runtime::Python311)
        .role(role)
        .handler("index.handle")
        .code(code)
        .send()
        .await
        .unwrap();
}
