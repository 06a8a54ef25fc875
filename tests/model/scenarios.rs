//! What is asked of the system while it is made to fail.

use crate::{caller::Request, system::System};
use expedite::domain::State;
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

pub struct Scenario {
    pub name: &'static str,
    pub script: fn(&mut System),
    /// In which states its messages may end; in the first one where nothing goes wrong.
    pub ends: &'static [State],
    /// What a timeline says then: the scenario has shown what it is for.
    pub seen: &'static str,
    /// How many strays are kept.
    pub strays: usize,
}

const COMPLETED: &[State] = &[State::Completed];

fn submit(system: &mut System, name: &str, fields: Value) -> Option<u16> {
    system.ask(Request::submit(name, fields))
}

fn cancel(system: &mut System, tenant: &'static str, name: &str) {
    system.ask(Request::Cancel { tenant, name: name.to_owned() });
}

fn amend(system: &mut System, name: &str, fields: Value) {
    system.ask(Request::Amend { tenant: "acme", name: name.to_owned(), fields });
}

/// Those of which all pairs of points are tried.
pub const MAIN: [Scenario; 12] = [
    Scenario {
        name: "accept and complete",
        script: |system| {
            submit(system, "a", json!({}));
        },
        ends: COMPLETED,
        seen: "completed",
        strays: 0,
    },
    Scenario {
        name: "retry, then complete",
        script: |system| {
            submit(system, "a", json!({"priority": "high", "work": {"fails": 1}}));
        },
        ends: COMPLETED,
        seen: "retrying: as the payload says",
        strays: 0,
    },
    Scenario {
        name: "the last attempt fails",
        script: |system| {
            submit(system, "a", json!({"max_attempts": 2, "work": {"fails": 9}}));
        },
        ends: &[State::Failed],
        seen: "failed: attempt 2 of 2 failed",
        strays: 0,
    },
    Scenario {
        name: "cancel while queued",
        script: |system| {
            submit(system, "a", json!({"delay_seconds": 60}));
            system.go_on(SECOND);
            cancel(system, "acme", "a");
        },
        ends: &[State::Cancelled, State::Completed],
        seen: "cancelled: cancelled by its caller",
        strays: 0,
    },
    Scenario {
        name: "a batch of three",
        script: |system| {
            let priorities = ["low", "medium", "high"];
            let messages = priorities.map(|priority| (priority.to_owned(), json!({"priority": priority})));
            system.ask(Request::Batch { tenant: "acme", messages: messages.to_vec(), key: None });
        },
        ends: COMPLETED,
        seen: "completed",
        strays: 0,
    },
    Scenario {
        name: "a dead letter",
        script: |system| {
            system.broken_starts = 7;
            submit(system, "a", json!({}));
        },
        ends: COMPLETED,
        seen: "retrying: the broker gave it up",
        strays: 0,
    },
    Scenario {
        name: "a lapsed lease",
        script: |system| {
            submit(system, "a", json!({"work": {"dies": 1}}));
        },
        ends: COMPLETED,
        seen: "retrying: the attempt ended without an outcome",
        strays: 0,
    },
    Scenario {
        name: "redrive",
        script: |system| {
            submit(system, "a", json!({"work": {"discards": true}}));
            system.go_on(2 * MINUTE);
            system.ask(Request::Redrive { tenant: "acme", name: "a".to_owned() });
        },
        // Failed where the redrive itself came to nothing.
        ends: &[State::Completed, State::Failed],
        seen: "accepted: redriven by its caller",
        strays: 0,
    },
    Scenario {
        name: "ageing",
        script: |system| {
            system.processing = false;
            submit(system, "a", json!({"priority": "low"}));
            system.go_on(16 * MINUTE);
            system.processing = true;
        },
        ends: COMPLETED,
        seen: "accepted: raised from low to medium",
        strays: 0,
    },
    Scenario {
        name: "a delay beyond 15 minutes",
        script: |system| {
            submit(system, "a", json!({"delay_seconds": 1_200}));
        },
        ends: COMPLETED,
        seen: "completed",
        strays: 0,
    },
    Scenario {
        name: "a caller that repeats its request",
        script: |system| {
            let request = |name: &str| Request::Submit {
                tenant: "acme",
                name: name.to_owned(),
                fields: json!({}),
                key: Some("k".to_owned()),
            };
            while system.ask(request("a")).is_none_or(|status| status >= 300) {}
            system.ask(request("a"));
        },
        ends: COMPLETED,
        seen: "completed",
        strays: 0,
    },
    Scenario {
        name: "another time and class while queued",
        script: |system| {
            submit(system, "a", json!({"priority": "low", "delay_seconds": 300}));
            system.go_on(SECOND);
            amend(system, "a", json!({"priority": "high"}));
        },
        ends: COMPLETED,
        seen: "accepted: changed by its caller: priority high instead of low",
        strays: 0,
    },
];

/// Those of which every point is tried by itself.
pub const OTHERS: [Scenario; 10] = [
    Scenario {
        name: "redrive of many",
        script: |system| {
            for name in ["a", "b", "c"] {
                submit(system, name, json!({"work": {"discards": true}}));
            }
            system.go_on(2 * MINUTE);
            system.ask(Request::RedriveAll { tenant: "rival" });
            system.ask(Request::RedriveAll { tenant: "acme" });
        },
        ends: &[State::Completed, State::Failed],
        seen: "accepted: redriven by its caller",
        strays: 0,
    },
    Scenario {
        name: "an end that comes before the start",
        script: |system| {
            system.processing = false;
            submit(system, "a", json!({"expires_in_seconds": 90}));
            system.go_on(2 * MINUTE);
            system.processing = true;
        },
        ends: &[State::Expired],
        seen: "expired: it was not started by the end",
        strays: 0,
    },
    Scenario {
        name: "snoozed twice",
        script: |system| {
            submit(system, "a", json!({"max_attempts": 1, "work": {"snoozes": 2}}));
        },
        // Its only attempt may be the one that is cut off.
        ends: &[State::Completed, State::Failed],
        seen: "retrying: as the payload says",
        strays: 0,
    },
    Scenario {
        name: "no time left in the batch",
        script: |system| {
            system.concurrency = 1;
            system.processing = false;
            submit(system, "a", json!({"work": {"takes_seconds": 29}}));
            submit(system, "b", json!({"work": {"takes_seconds": 29}}));
            system.processing = true;
        },
        ends: COMPLETED,
        seen: "accepted: given back",
        strays: 0,
    },
    Scenario {
        name: "somebody else's command",
        script: |system| {
            submit(system, "a", json!({"delay_seconds": 60}));
            let fields = json!({});
            system.ask(Request::Submit { tenant: "rival", name: "b".to_owned(), fields, key: None });
            cancel(system, "rival", "a");
            system.ask(Request::Amend {
                tenant: "rival",
                name: "a".to_owned(),
                fields: json!({"priority": "high"}),
            });
            system.ask(Request::Redrive { tenant: "rival", name: "a".to_owned() });
        },
        ends: COMPLETED,
        seen: "completed",
        strays: 0,
    },
    Scenario {
        name: "two tenants with one key",
        script: |system| {
            for (tenant, name) in [("acme", "a"), ("rival", "b")] {
                let (name, key) = (name.to_owned(), Some("k".to_owned()));
                system.ask(Request::Submit { tenant, name, fields: json!({}), key });
            }
        },
        ends: COMPLETED,
        seen: "completed",
        strays: 0,
    },
    Scenario {
        name: "a batch that is repeated",
        script: |system| {
            let messages: Vec<_> = (0..4).map(|number| (format!("m{number}"), json!({}))).collect();
            let request = Request::Batch { tenant: "acme", messages, key: Some("k".to_owned()) };
            system.ask(request.clone());
            system.ask(request);
        },
        ends: COMPLETED,
        seen: "completed",
        strays: 0,
    },
    Scenario {
        name: "a dead letter beside a stray",
        script: |system| {
            let now = system.now();
            system.world.broker().take_stray(now);
            system.broken_starts = 7;
            submit(system, "a", json!({"max_attempts": 3}));
        },
        ends: COMPLETED,
        seen: "retrying: the broker gave it up",
        strays: 1,
    },
    Scenario {
        name: "it kills its function every time",
        script: |system| {
            submit(system, "a", json!({"max_attempts": 3, "work": {"dies": 99}}));
        },
        ends: &[State::Failed],
        seen: "failed: attempt 3 of 3 failed",
        strays: 0,
    },
    Scenario {
        name: "moved further away, then nearer",
        script: |system| {
            submit(system, "a", json!({"delay_seconds": 120}));
            system.go_on(SECOND);
            amend(system, "a", json!({"deliver_at": "2026-01-31T13:00:00Z"}));
            system.go_on(SECOND);
            amend(system, "a", json!({"deliver_at": "2026-01-31T12:05:00Z"}));
        },
        ends: COMPLETED,
        seen: "accepted: changed by its caller: another time",
        strays: 0,
    },
];
