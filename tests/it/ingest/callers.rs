//! What the token decides.

use super::Rig;
use crate::http::{changed, request};
use lambda_http::Request;
use serde_json::{Value, json};

/// A high message, sent with these claims.
fn high(claims: &[(&str, Value)]) -> Request {
    changed("http/submit-high-delayed", |event| {
        let all = &mut event["requestContext"]["authorizer"]["jwt"]["claims"];
        for (claim, value) in claims {
            all[*claim] = value.clone();
        }
    })
}

/// Which scope a high message needs, what the token's claim says, and the answer.
#[tokio::test]
async fn a_high_message_may_need_a_scope() {
    for (needed, claim, status) in [
        ("", None, 202),
        ("high", Some("high"), 202),
        ("high", Some("openid high email"), 202),
        ("high", None, 403),
        ("high", Some(""), 403),
        ("high", Some("High"), 403),
        ("high", Some("higher not-high"), 403),
        ("high", Some("openid,high"), 403),
    ] {
        let mut rig = Rig::new();
        rig.scope = needed;
        let claims = claim.map(|words| ("scope", json!(words)));
        let answer = rig.submit(high(claims.as_slice())).await;
        assert_eq!(answer.status, status, "{needed} in {claim:?}");
        if status == 403 {
            assert_eq!(answer.bad_fields(), ["priority"]);
            assert!(rig.nothing_happened());
        }
        let other = rig.submit(request("http/submit")).await;
        assert_eq!(other.status, 202, "others need none");
    }
}

#[tokio::test]
async fn a_scope_as_the_stacks_own_pool_writes_it() {
    let mut rig = Rig::new();
    rig.scope = "expedite/high";
    let answer = rig.submit(request("http/submit-high-scoped")).await;
    assert_eq!((answer.status, &answer.body["bypassed"]), (202, &json!(true)));
    assert_eq!(answer.body["expires_at"], "2026-01-31T12:05:00.000Z");
}

/// Whom the message is put down to. It is never a reason to refuse one.
#[tokio::test]
async fn the_submitter_is_the_tokens_subject() {
    let long = "x".repeat(255);
    let too_long = "x".repeat(256);
    for (subject, expected) in [
        ("jo@acme", Some("jo@acme")),
        ("jörg ☃", Some("jörg ☃")),
        (&long, Some(&long)),
        (&too_long, None),
        ("", None),
    ] {
        let mut rig = Rig::new();
        rig.tenant_claim = "tenant";
        let answer = rig.submit(high(&[("sub", json!(subject)), ("tenant", json!("acme"))])).await;
        assert_eq!(answer.status, 202, "{subject}");
        let message = rig.store.only();
        assert_eq!(message.submitter.as_ref().map(|found| found.as_str()), expected, "{subject}");
        assert_eq!(message.tenant.as_str(), "acme");
    }
}
