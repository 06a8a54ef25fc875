//! What may become of a message in one change, written down anew: the code under test has no say in it.

use crate::{
    history::Change,
    invocation::{Function, Invocation},
};
use expedite::{
    domain::{Message, State},
    ports::Key,
};
use std::time::Duration;

/// How far two clocks may differ: 5 s each way.
const CLOCKS: Duration = Duration::from_secs(10);

/// The rules that a change breaks. `held` says whether the lease before it was the writer's own.
pub fn broken(change: &Change, by: &Invocation, held: bool) -> Vec<&'static str> {
    let after = &change.after;
    let mut rules = vec![
        ("an unfinished message is due, a final one never", after.due_at.is_some() != after.state.is_final()),
        ("attempts stay within their limit", after.attempt <= after.attempt_limit),
        (
            "nobody touches another tenant's message",
            by.tenant.as_ref().is_none_or(|own| *own == after.tenant),
        ),
    ];
    match &change.before {
        None => rules.push(("a message starts at version 1", after.version == 1)),
        Some(before) => rules.extend(of_a_step(before, after, by, held)),
    }
    rules.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule).collect()
}

fn of_a_step(before: &Message, after: &Message, by: &Invocation, held: bool) -> Vec<(&'static str, bool)> {
    let at = after.timeline.entries.last().map_or(after.created_at, |entry| entry.at);
    let commanded = by.function == Function::Control;
    let live = before.lease.is_some_and(|lease| lease.until > at);
    let claimed = after.lease.is_some() && after.lease != before.lease;
    let delivered = by.deliveries.contains(&(Key::of(before), before.epoch));
    let tolerance = if by.skew.is_none() { Duration::ZERO } else { CLOCKS };
    let redriven = before.state == State::Failed && after.state == State::Accepted && commanded;
    vec![
        ("the version rises by one", after.version == before.version + 1),
        ("the epoch never falls", after.epoch >= before.epoch),
        ("a final state is left by a redrive alone", !before.state.is_final() || redriven),
        ("a live lease keeps everybody else away", !live || held),
        ("a result is recorded by the lease's holder", after.state != State::Completed || held),
        ("a claim needs a delivery of the same epoch", !claimed || delivered),
        ("nothing starts before its time", !claimed || before.deliver_at <= at.plus(tolerance)),
        ("an attempt is counted one by one", after.attempt <= before.attempt + 1),
        ("priority changes by a command or by age alone", priority_may_change(before, after, by)),
    ]
}

fn priority_may_change(before: &Message, after: &Message, by: &Invocation) -> bool {
    let aged = by.function == Function::Relay
        && before.state == State::Queued
        && before.priority.raised() == Some(after.priority);
    before.priority == after.priority || aged || by.function == Function::Control
}
