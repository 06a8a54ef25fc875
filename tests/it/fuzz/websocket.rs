use super::{config, mangle, run};
use crate::websocket::subscribing;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_frame_gets_an_answer(
        body in mangle::text(&[
            r#"{"action":"subscribe","topics":["all","type:email.send"]}"#,
            r#"{"action":"unsubscribe","topics":["message:01234567-89ab-8def-8123-456789abcdef"]}"#,
            r#"{"action":"ping"}"#,
        ]),
    ) {
        let answer = run(subscribing::answer_to(&body));
        let kind = answer["kind"].as_str().unwrap_or_default();
        prop_assert!(matches!(kind, "subscribed" | "unsubscribed" | "pong" | "error"), "{answer}");
        if kind == "error" {
            prop_assert!(answer["errors"][0]["field"].is_string(), "{answer}");
        }
    }
}
