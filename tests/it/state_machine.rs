//! `docs/state-machine.md` says what the code does.

use crate::repository;
use expedite::{
    conformance::{NOON, submission, tenant},
    domain::{Event, Lease, Message, Outcome, Owner, Priority, State, Submission, Timestamp, transition},
};
use std::{collections::BTreeSet, time::Duration};

/// From, event, to.
type Edge = (String, String, String);

/// Beyond every lease and every grace.
const LONG: Duration = Duration::from_secs(3_600);

fn label(event: &Event) -> &'static str {
    match event {
        Event::HandedOver { .. } => "HandedOver",
        Event::HandoverFailed { .. } => "HandoverFailed",
        Event::Claimed { .. } => "Claimed",
        Event::GivenBack { .. } => "GivenBack",
        Event::Finished { outcome: Outcome::Done, .. } => "Done",
        Event::Finished { outcome: Outcome::Retry { .. }, .. } => "Retry",
        Event::Finished { outcome: Outcome::Snooze { .. }, .. } => "Snooze",
        Event::Finished { outcome: Outcome::Discard { .. }, .. } => "Discard",
        Event::LeaseLapsed { .. } => "LeaseLapsed",
        Event::GivenUp { .. } => "GivenUp",
        Event::Expired => "Expired",
        Event::Aged { .. } => "Aged",
        Event::Cancelled => "Cancelled",
        Event::Amended { .. } => "Amended",
        Event::Redriven { .. } => "Redriven",
    }
}

/// Every event, as it would have to be to apply to `message`.
fn events(message: &Message, now: Timestamp) -> Vec<Event> {
    let (epoch, owner, reason) = (message.epoch, Owner::from_bits(1), String::new());
    let lease = Lease { owner, until: now.plus(Duration::from_secs(40)) };
    let outcomes = [
        Outcome::Done,
        Outcome::Retry { at: now, reason: reason.clone() },
        Outcome::Snooze { until: now, reason: reason.clone() },
        Outcome::Discard { reason: reason.clone() },
    ];
    let mut events = vec![
        Event::HandedOver { epoch, raise: None },
        Event::HandoverFailed { epoch, reason: reason.clone() },
        Event::Claimed { epoch, lease },
        Event::GivenBack { epoch },
        Event::LeaseLapsed { retry_at: now },
        Event::GivenUp { epoch, retry_at: now, reason },
        Event::Expired,
        Event::Aged { to: Priority::High },
        Event::Cancelled,
        Event::Amended { priority: None, deliver_at: Some(now.plus(LONG)) },
        Event::Redriven { priority: None, deliver_at: now },
    ];
    events.extend(outcomes.map(|outcome| Event::Finished { owner, outcome }));
    events
}

/// Every change that some way of at most eight events from `accepted` contains.
fn edges_of_the_code() -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    let asked = submission(&tenant("acme"), 1);
    let urgent = Submission { start_by: Some(NOON.plus(LONG)), ..asked.clone() };
    let mut messages = [asked, urgent].map(|asked| (Message::accept(asked, NOON), NOON)).to_vec();
    for _ in 0..8 {
        let mut reached = Vec::new();
        let mut kinds = BTreeSet::new();
        for (message, at) in &messages {
            for now in [*at, at.plus(LONG)] {
                for event in events(message, now) {
                    let Ok(next) = transition(message, event.clone(), now) else { continue };
                    edges.insert((
                        message.state.to_string(),
                        label(&event).to_owned(),
                        next.state.to_string(),
                    ));
                    // Messages that differ only in their history have the same future.
                    let kind = (
                        (next.state.as_str(), next.attempt, next.attempt_limit, next.priority.jms()),
                        (format!("{:?}", next.handover), next.start_by.is_some(), now.millis()),
                    );
                    if kinds.insert(kind) {
                        reached.push((next, now));
                    }
                }
            }
        }
        messages = reached;
    }
    edges
}

/// The lines `from --> to: event, event` of the only diagram.
fn edges_of_the_diagram(document: &str) -> BTreeSet<Edge> {
    let diagrams: Vec<_> = document.split("```mermaid").skip(1).collect();
    assert_eq!(diagrams.len(), 1);
    let diagram = diagrams[0].split("```").next().unwrap();
    let mut edges = BTreeSet::new();
    for line in diagram.lines().filter(|line| line.contains("-->") && !line.contains("[*]")) {
        let (from, rest) = line.split_once("-->").unwrap();
        let (to, events) = rest.split_once(':').unwrap();
        for event in events.split(',') {
            let edge = [from, event, to].map(|part| part.trim().to_owned());
            assert!(edges.insert(edge.into()), "{line} says the same twice");
        }
    }
    edges
}

#[test]
fn the_diagram_has_exactly_the_edges_of_the_code() {
    let drawn = edges_of_the_diagram(&repository::read("docs/state-machine.md"));
    let real = edges_of_the_code();
    let not_drawn: Vec<_> = real.difference(&drawn).collect();
    let not_real: Vec<_> = drawn.difference(&real).collect();
    assert!(not_drawn.is_empty() && not_real.is_empty(), "not drawn: {not_drawn:?}; not real: {not_real:?}");
}

#[test]
fn the_diagram_starts_and_ends_where_the_code_does() {
    let document = repository::read("docs/state-machine.md");
    for state in State::ALL {
        let first = Message::accept(submission(&tenant("acme"), 1), NOON).state == state;
        for (line, expected) in
            [(format!("[*] --> {state}\n"), first), (format!("{state} --> [*]\n"), state.is_final())]
        {
            assert_eq!(document.contains(&line), expected, "{line}");
        }
    }
}

#[test]
fn the_table_has_a_row_for_each_state() {
    let document = repository::read("docs/state-machine.md");
    let rows: Vec<_> =
        document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(rows, State::ALL.map(State::as_str));
}
