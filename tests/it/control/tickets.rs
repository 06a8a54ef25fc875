use super::Rig;
use crate::http::request;
use expedite::{
    conformance::{NOON, tenant},
    fakes::Fault,
    ports::Tickets,
    ticket::hash,
};
use std::time::Duration;

#[tokio::test]
async fn a_ticket_is_good_for_half_a_minute() {
    let rig = Rig::with([]);
    let answer = rig.ask(request("http/ticket")).await;
    assert_eq!((answer.status, &answer.body["expires_at"]), (201, &"2026-01-31T12:00:30.000Z".into()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let ticket = answer.body["ticket"].as_str().unwrap();
    let spelled = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    assert!(ticket.len() == 43 && ticket.bytes().all(spelled), "fit for a URL and a header: {ticket}");
    let end = NOON.plus(Duration::from_secs(30));
    assert_eq!((&rig.connections).redeem(&hash(ticket), end).await.unwrap(), None);
    let last = end.minus(Duration::from_millis(1));
    assert_eq!((&rig.connections).redeem(&hash(ticket), last).await.unwrap(), Some(tenant("acme")));
}

#[tokio::test]
async fn no_two_tickets_are_alike() {
    let rig = Rig::with([]);
    let one = rig.ask(request("http/ticket")).await.body["ticket"].clone();
    assert_ne!(rig.ask(request("http/ticket")).await.body["ticket"], one);
}

#[tokio::test]
async fn a_ticket_that_cannot_be_stored_is_not_given_out() {
    let rig = Rig::with([]);
    rig.connections.faults.order([Some(Fault::AnswerLost)]);
    let answer = rig.ask(request("http/ticket")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")));
    assert!(answer.body.get("ticket").is_none());
}
