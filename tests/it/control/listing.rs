use super::{Rig, check_unavailable};
use crate::http::{Answer, changed, from_tenant, request, with_query};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use expedite::{
    conformance::{NOON, payload, submission, tenant},
    domain::{Event, Message, Priority, Submission, transition},
};
use serde_json::json;
use std::time::Duration;

/// Message of that number, accepted so many seconds after noon.
fn message(number: u128, seconds: u64) -> Message {
    Message::accept(submission(&tenant("acme"), number), NOON.plus(Duration::from_secs(seconds)))
}

fn ids(answer: &Answer) -> Vec<String> {
    let messages = answer.body["messages"].as_array().unwrap();
    messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

/// All pages, and the number of messages on each.
async fn pages(rig: &Rig, query: &[(&str, &str)]) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut sizes) = (Vec::new(), Vec::new());
    let mut cursor: Option<String> = None;
    loop {
        let mut query = query.to_vec();
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = rig.ask(with_query("http/list", &query)).await;
        assert_eq!(answer.status, 200, "{query:?}");
        let found = ids(&answer);
        sizes.push(found.len());
        all.extend(found);
        cursor = answer.body["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return (all, sizes);
        }
        assert!(sizes.len() < 20, "the pages have no end");
    }
}

#[tokio::test]
async fn the_newest_come_first() {
    // Three of a second, so that the id decides too.
    let messages: Vec<_> = (0..7).map(|number| message(number, number as u64 / 3)).collect();
    let newest_first: Vec<_> = messages.iter().rev().map(|message| message.id.to_string()).collect();
    let rig = Rig::with(messages);
    let answer = rig.ask(request("http/list")).await;
    assert_eq!(ids(&answer), newest_first);
    assert!(answer.body["next_cursor"].is_null());
    let first = &answer.body["messages"][0];
    assert_eq!((&first["state"], &first["version"]), (&"accepted".into(), &1.into()));
    assert!(first.get("timeline").is_none() && first.get("payload").is_none(), "a list is short");
    for (limit, sizes) in [("1", vec![1; 7]), ("3", vec![3, 3, 1]), ("7", vec![7]), ("100", vec![7])] {
        assert_eq!(pages(&rig, &[("limit", limit)]).await, (newest_first.clone(), sizes), "limit {limit}");
    }
}

#[tokio::test]
async fn a_page_has_fifty_unless_a_limit_is_named() {
    let rig = Rig::with((0..120).map(|number| message(number, 0)));
    assert_eq!(pages(&rig, &[]).await.1, [50, 50, 20]);
    assert_eq!(pages(&rig, &[("limit", "100")]).await.1, [100, 20]);
}

#[tokio::test]
async fn filters_choose() {
    let made = |number, priority, kind: &str, delay| {
        let deliver_at = Some(NOON.plus(Duration::from_secs(delay)));
        let kind = kind.parse().unwrap();
        let asked = Submission { priority, kind, deliver_at, ..submission(&tenant("acme"), number) };
        Message::accept(asked, NOON)
    };
    let handed_over =
        |message: Message| transition(&message, Event::HandedOver { epoch: 1, raise: None }, NOON).unwrap();
    let rig = Rig::with([
        made(0, Priority::Low, "print", 0),
        handed_over(made(1, Priority::Low, "print", 60)),
        made(2, Priority::Low, "mail", 3_600),
        handed_over(made(3, Priority::High, "mail", 60)),
        handed_over(made(4, Priority::Medium, "mail", 0)),
    ]);
    for (query, expected) in [
        ("", &[4, 3, 2, 1, 0][..]),
        ("state=accepted", &[0]),
        ("state=scheduled", &[2, 1]),
        ("state=queued", &[4, 3]),
        ("state=failed", &[]),
        ("priority=low", &[2, 1, 0]),
        ("priority=HIGH", &[3]),
        ("type=mail", &[4, 3, 2]),
        ("type=mail&state=queued&priority=medium", &[4]),
        ("type=print&priority=low&limit=1", &[1]),
        ("type=absent", &[]),
    ] {
        let filtered = changed("http/list", |event| event["rawQueryString"] = json!(query));
        let answer = rig.ask(filtered).await;
        let expected: Vec<_> = expected.iter().map(|number| message(*number, 0).id.to_string()).collect();
        assert_eq!(ids(&answer), expected, "{query}");
    }
    let file = rig.ask(request("http/list-filtered")).await;
    assert_eq!((file.status, ids(&file)), (200, vec![]), "it asks for another type");
}

/// A rare filter must not make a call slow: after a thousand messages the page ends, and its cursor goes on.
#[tokio::test]
async fn a_call_looks_at_a_bounded_number_of_messages() {
    let oldest = Submission { priority: Priority::High, ..submission(&tenant("acme"), 5_000) };
    let rig = Rig::with((0..1_050).map(|number| message(number, 1)));
    let oldest = Message::accept(oldest, NOON);
    rig.store.put(oldest.clone(), payload("1"));
    let found = pages(&rig, &[("priority", "high")]).await;
    assert_eq!(found, (vec![oldest.id.to_string()], vec![0, 1]));
}

#[tokio::test]
async fn a_list_holds_only_the_callers_messages() {
    let rig = Rig::with((0..3).map(|number| message(number, 0)));
    let theirs = Message::accept(submission(&tenant("globex"), 9), NOON);
    rig.store.put(theirs.clone(), payload("1"));
    let foreign = rig.ask(from_tenant("http/list", "globex")).await;
    assert_eq!(ids(&foreign), [theirs.id.to_string()]);
    assert_eq!(ids(&rig.ask(from_tenant("http/list", "nobody")).await), Vec::<String>::new());
    // A cursor says where, never whose.
    let cursor = URL_SAFE_NO_PAD.encode(format!("{}.{}", NOON.millis(), theirs.id));
    assert_eq!(pages(&rig, &[("cursor", &cursor)]).await.0.len(), 3);
}

#[tokio::test]
async fn every_bad_parameter_is_named_at_once() {
    let rig = Rig::with([message(1, 0)]);
    let query = [
        ("state", "asleep"),
        ("priority", "urgent"),
        ("type", "A B"),
        ("limit", "0"),
        ("cursor", "!"),
        ("colour", "red"),
    ];
    let answer = rig.ask(with_query("http/list", &query)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.bad_fields(), ["colour", "cursor", "limit", "priority", "state", "type"]);
}

#[tokio::test]
async fn a_parameter_stands_once() {
    let rig = Rig::with([message(1, 0)]);
    for (query, field) in [
        ([("state", "queued"), ("state", "accepted")], "state"),
        ([("limit", "1"), ("limit", "1")], "limit"),
        ([("colour", "red"), ("colour", "blue")], "colour"),
    ] {
        let answer = rig.ask(with_query("http/list", &query)).await;
        assert_eq!((answer.status, answer.bad_fields()), (400, vec![field]));
    }
}

#[tokio::test]
async fn parameters_with_impossible_values() {
    let rig = Rig::with([message(1, 0)]);
    let cursor = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let id = message(1, 0).id;
    let cursors = [
        "%".to_owned(),
        cursor(""),
        cursor("1"),
        cursor("1.x"),
        cursor(&format!("x.{id}")),
        cursor(&format!("-1.{id}")),
        // One digit more than the index's sort key has room for.
        cursor(&format!("1000000000000000.{id}")),
        cursor(&format!("99999999999999999999.{id}")),
    ];
    for (name, values) in [
        ("limit", ["", "0", "101", "-1", "1.5", "1e2", "ten", "99999999999999999999"].map(str::to_owned)),
        ("cursor", cursors),
    ] {
        for value in values {
            let answer = rig.ask(with_query("http/list", &[(name, &value)])).await;
            assert_eq!((answer.status, answer.bad_fields()), (400, vec![name]), "{value}");
        }
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_said_so() {
    let rig = Rig::with([message(1, 0)]);
    check_unavailable(&rig, request("http/list"), 0).await;
    check_unavailable(&rig, request("http/list"), 1).await;
}
