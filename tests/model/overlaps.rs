//! Two attempts on one message at a time, which chance alone seldom finds.

use crate::{
    broker::Queue,
    caller::Request,
    system::{Progress, Running, System},
};
use expedite::{adapters::amqp::Lane, domain::State};
use serde_json::json;
use std::time::Duration;

const STANDARD: Queue = Queue { lane: Lane::Standard, dead: false };

/// Delivers what is there, and stops the attempt once it is claimed.
fn claimed(system: &mut System, attempt: u32) -> Running {
    let mut running = system.deliver(STANDARD).unwrap();
    while system.world.store.only().attempt < attempt {
        assert!(matches!(system.poll(&mut running), Progress::AtCall));
    }
    running
}

/// Its message is in other hands by then.
#[test]
fn an_attempt_that_outlives_its_lease_records_nothing() {
    let mut system = System::new(Vec::new());
    system.ask(Request::submit("a", json!({})));
    let late = claimed(&mut system, 1);
    system.pass(Duration::from_secs(41));
    let sweep = system.sweep();
    system.run(sweep);
    let relay = system.relay().unwrap();
    system.run(relay);
    // The longest wait after a first attempt.
    system.pass(Duration::from_secs(2));
    let next = claimed(&mut system, 2);

    let held = system.world.store.only();
    system.run(late);
    assert_eq!(system.world.store.only(), held, "the late one changes nothing");
    system.run(next);
    assert_eq!(system.world.store.only().state, State::Completed);
    assert_eq!(system.come_to_rest(), Vec::<String>::new());
}
