//! Every scenario, with something going wrong at each of its calls to a port in turn; the main ones at each two of them.

use crate::{
    invocation::Fault,
    scenarios::{MAIN, OTHERS, Scenario},
    system::System,
    world::{Call, Plan},
};
use std::{io::Write, panic::AssertUnwindSafe};

/// Runs a scenario to its end, and says what was called and what is broken.
fn run(scenario: &Scenario, plan: &Plan, with_fanout: bool) -> (Vec<Call>, Vec<String>) {
    let mut system = System::new(plan.clone());
    system.to_fanout.off = !with_fanout;
    (scenario.script)(&mut system);
    let mut broken = system.come_to_rest();
    let unharmed = plan.is_empty();
    let ends = if unharmed { &scenario.ends[..1] } else { scenario.ends };
    for message in system.world.store.all().iter().filter(|message| !ends.contains(&message.state)) {
        broken.push(format!("{} ends {}", message.id, message.state));
    }
    let strays = system.world.store.strays().len();
    if strays != scenario.strays {
        broken.push(format!("{strays} strays are kept"));
    }
    let counts = system.world.history().ledger.counts();
    if unharmed && with_fanout {
        broken.extend(system.compare_views(false));
    }
    if unharmed && !(counts.completed == counts.attempted && system.has_seen(scenario.seen)) {
        broken.push(format!("it is not what it should be by itself: {counts:?}, {:?}", scenario.seen));
    }
    (system.world.calls(), broken)
}

/// The same; a failure names what has to be done to see it again.
fn check(scenario: &Scenario, plan: &Plan, with_fanout: bool) -> Vec<Call> {
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| run(scenario, plan, with_fanout)));
    let (calls, broken) = ran.unwrap_or_else(|_| (Vec::new(), vec!["it panics, see above".to_owned()]));
    let points: Vec<_> = plan
        .iter()
        .map(|(at, fault)| match calls.get(*at) {
            Some(call) => format!("{fault:?} at call {at}, {:?} {}", call.function, call.name),
            None => format!("{fault:?} at call {at}"),
        })
        .collect();
    let replay: Vec<_> = plan.iter().map(|(at, fault)| format!("({at}, Fault::{fault:?})")).collect();
    assert!(
        broken.is_empty(),
        "\nscenario {:?}\nwith {points:?}\n{}\nto see it again: check(scenario, &vec![{}], {with_fanout})\n",
        scenario.name,
        broken.join("\n"),
        replay.join(", ")
    );
    calls
}

/// Each point behind `from`, with each fault that `wanted` takes.
fn points(calls: &[Call], from: usize, wanted: impl Fn(Fault) -> bool) -> Vec<(usize, Fault)> {
    let points = calls.iter().enumerate().skip(from);
    points
        .flat_map(|(at, call)| call.faults().iter().map(move |fault| (at, *fault)))
        .filter(|(_, fault)| wanted(*fault))
        .collect()
}

fn every_point(scenario: &Scenario) -> usize {
    let calls = check(scenario, &Plan::new(), true);
    let points = points(&calls, 0, |_| true);
    for point in &points {
        check(scenario, &vec![*point], true);
    }
    points.len()
}

/// Without `fanout`, which writes nothing, and without a call that is refused, which is like one that was never made.
fn every_pair(scenario: &Scenario) -> usize {
    let wanted = |fault| fault != Fault::Refused;
    let calls = check(scenario, &Plan::new(), false);
    let mut pairs = 0;
    for first in points(&calls, 0, wanted) {
        let calls = check(scenario, &vec![first], false);
        for second in points(&calls, first.0 + 1, wanted) {
            check(scenario, &vec![first, second], false);
            pairs += 1;
        }
    }
    pairs
}

/// Not captured, so that a plain run shows how much was tried.
fn say(what: &str, tried: usize) {
    let _ = writeln!(std::io::stderr(), "{what}: {tried} tried");
}

#[test]
fn every_point_of_every_scenario() {
    let tried = MAIN.iter().chain(&OTHERS).map(every_point).sum();
    say("single points", tried);
}

macro_rules! pairs {
    ($($test:ident: $index:literal,)*) => {$(
        #[test]
        fn $test() {
            let scenario = &MAIN[$index];
            say(&format!("pairs of points, {}", scenario.name), every_pair(scenario));
        }
    )*};
}

mod pairs {
    use super::{MAIN, every_pair, say};

    pairs! {
        accept_and_complete: 0,
        retry_then_complete: 1,
        the_last_attempt_fails: 2,
        cancel_while_queued: 3,
        a_batch_of_three: 4,
        a_dead_letter: 5,
        a_lapsed_lease: 6,
        redrive: 7,
        ageing: 8,
        a_delay_beyond_15_minutes: 9,
        a_caller_that_repeats_its_request: 10,
        another_time_and_class_while_queued: 11,
    }
}
