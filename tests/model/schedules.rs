//! Many invocations at once, of which chance says who makes the next call, who dies, and what gets lost, doubled or late.
//!
//! `PROPTEST_CASES` says how many schedules are tried. A schedule that fails is printed in its smallest form, and its seed is
//! kept in `schedules.regressions`, from where the next run tries it first.

use crate::{
    broker::Queue,
    caller::Request,
    invocation::Fault,
    system::{Progress, Running, System, TENANTS},
};
use proptest::{
    bool::weighted,
    collection::vec,
    option,
    prelude::any,
    prop_oneof,
    sample::select,
    strategy::{Just, Strategy},
    test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner},
};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::BTreeMap, io::Write, time::Duration};

/// How many schedules a plain run tries.
const CASES: u32 = 400;

#[derive(Clone, Debug)]
struct Case {
    requests: Vec<Request>,
    moves: Vec<Move>,
    skews: Vec<i64>,
}

/// What happens next. A number picks one of those that are there.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The next request comes in.
    Ask,
    /// An invocation makes its next call.
    GoOn(usize),
    /// An invocation's next call goes wrong.
    Fault(usize, Fault),
    /// The mapping of a queue invokes its function, beside those that run already.
    Deliver(usize),
    Relay,
    Fanout,
    Sweep,
    /// Seconds.
    Pass(u64),
    LoseRecord,
    LoseMessage(usize),
    DoubleMessage(usize),
    PreferMessage(usize),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => Just(Move::Ask),
        16 => (0..8_usize).prop_map(Move::GoOn),
        2 => (0..8_usize, select(&Fault::ALL[..])).prop_map(|(which, fault)| Move::Fault(which, fault)),
        4 => (0..Queue::ALL.len()).prop_map(Move::Deliver),
        2 => Just(Move::Relay),
        1 => Just(Move::Fanout),
        1 => Just(Move::Sweep),
        2 => select(&[1, 10, 31, 61, 960][..]).prop_map(Move::Pass),
        1 => Just(Move::LoseRecord),
        1 => (0..8_usize).prop_map(Move::LoseMessage),
        1 => (0..8_usize).prop_map(Move::DoubleMessage),
        1 => (0..8_usize).prop_map(Move::PreferMessage),
    ]
}

fn fields() -> impl Strategy<Value = Value> {
    let priority = select(&["low", "medium", "high"][..]);
    let delay = option::of(select(&[1, 30, 600, 1_200][..]));
    let attempts = select(&[1, 3, 5][..]);
    let work = (0..2, 0..2, 0..2, weighted(0.2), select(&[0, 0, 25, 35][..]));
    (priority, delay, attempts, any::<bool>(), work).prop_map(|(priority, delay, attempts, expires, work)| {
        let (dies, fails, snoozes, discards, takes) = work;
        let mut fields = json!({
            "priority": priority,
            "max_attempts": attempts,
            "work": {
                "dies": dies, "fails": fails, "snoozes": snoozes, "discards": discards, "takes_seconds": takes,
            },
        });
        if let Some(delay) = delay {
            fields["delay_seconds"] = json!(delay);
        }
        if expires {
            fields["expires_in_seconds"] = json!(1_300);
        }
        fields
    })
}

/// A message and then a command, each of somebody.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let submission = (select(&TENANTS[..]), vec(fields(), 1..4), any::<bool>());
    let command = (select(&TENANTS[..]), 0..4_usize, 0..6_usize);
    vec((submission, command), 1..5).prop_map(|pairs| {
        let named = pairs.into_iter().enumerate();
        named
            .flat_map(|(number, (submission, command))| [submit(number, submission), order(command)])
            .collect()
    })
}

fn submit(number: usize, (tenant, mut fields, keyed): (&'static str, Vec<Value>, bool)) -> Request {
    let key = keyed.then(|| format!("key {number}"));
    if fields.len() == 1 {
        return Request::Submit { tenant, name: format!("m{number}"), fields: fields.remove(0), key };
    }
    let messages = fields.into_iter().enumerate();
    let name = |index| if index == 0 { format!("m{number}") } else { format!("m{number}.{index}") };
    let messages = messages.map(|(index, fields)| (name(index), fields)).collect();
    Request::Batch { tenant, messages, key }
}

fn order((tenant, number, what): (&'static str, usize, usize)) -> Request {
    let name = format!("m{number}");
    match what {
        0 | 1 => Request::Cancel { tenant, name },
        2 => Request::Amend { tenant, name, fields: json!({"priority": "high"}) },
        3 => Request::Amend { tenant, name, fields: json!({"deliver_at": "2026-01-31T12:05:00Z"}) },
        4 => Request::RedriveAll { tenant },
        _ => Request::Redrive { tenant, name },
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let skews = vec(-5_000..=5_000_i64, 1..6);
    (requests(), vec(moves(), 0..160), skews).prop_map(|(requests, moves, skews)| Case {
        requests,
        moves,
        skews,
    })
}

/// A system in the middle of a schedule.
struct Play {
    system: System,
    requests: std::vec::IntoIter<Request>,
    running: Vec<Running>,
    died: usize,
}

impl Play {
    fn new(case: &Case) -> Self {
        let mut system = System::new(Vec::new());
        system.skews.clone_from(&case.skews);
        // Longer than a lease, so that an attempt can outlive its own.
        system.batch_seconds = 300;
        Self { system, requests: case.requests.clone().into_iter(), running: Vec::new(), died: 0 }
    }

    fn make(&mut self, next: Move) {
        let recorded = self.system.world.history().changes.len();
        let system = &mut self.system;
        match next {
            Move::Ask => {
                let request = self.requests.next();
                self.running.extend(request.and_then(|request| system.request(request)));
            }
            Move::GoOn(which) => self.go_on(which),
            Move::Fault(which, fault) => {
                if let Some(index) = which.checked_rem(self.running.len()) {
                    *self.running[index].by.fault.lock().unwrap() = Some(fault);
                }
            }
            Move::Deliver(queue) => self.running.extend(system.deliver(Queue::ALL[queue])),
            Move::Relay => self.running.extend(system.relay()),
            Move::Fanout => self.running.extend(system.fanout()),
            Move::Sweep => self.running.push(system.sweep()),
            Move::Pass(seconds) => system.pass(Duration::from_secs(seconds)),
            Move::LoseRecord => system.to_relay.lose(recorded),
            Move::LoseMessage(which) => system.world.broker().lose(which),
            Move::DoubleMessage(which) => system.world.broker().double(which),
            Move::PreferMessage(which) => system.world.broker().prefer(which),
        }
    }

    fn go_on(&mut self, which: usize) {
        let Some(index) = which.checked_rem(self.running.len()) else {
            return;
        };
        if let Progress::Over(ended) = self.system.poll(&mut self.running[index]) {
            self.died += usize::from(ended.is_none());
            let running = self.running.swap_remove(index);
            self.system.over(running, ended.as_ref());
        }
    }

    /// What is under way ends, and then everything comes to rest.
    fn end(&mut self) -> Vec<String> {
        for running in std::mem::take(&mut self.running) {
            self.died += usize::from(self.system.run(running).is_none());
        }
        self.system.come_to_rest()
    }
}

#[test]
fn any_schedule_keeps_the_promises() {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let kept = FileFailurePersistence::Direct("model/schedules.regressions");
    let config = Config {
        cases: given.unwrap_or(CASES),
        failure_persistence: Some(Box::new(kept)),
        ..Config::default()
    };
    let (died, ends) = (RefCell::new(0), RefCell::new(BTreeMap::<_, usize>::new()));
    let tried = TestRunner::new(config).run(&cases(), |case| {
        let mut play = Play::new(&case);
        case.moves.iter().for_each(|next| play.make(*next));
        let broken = play.end();
        if !broken.is_empty() {
            return Err(TestCaseError::fail(broken.join("\n")));
        }
        *died.borrow_mut() += play.died;
        for message in play.system.world.store.all() {
            *ends.borrow_mut().entry(message.state.as_str()).or_default() += 1;
        }
        Ok(())
    });
    if let Err(failure) = tried {
        panic!("{failure}");
    }
    let (died, ends) = (died.into_inner(), ends.into_inner());
    let _ = writeln!(std::io::stderr(), "schedules: {died} invocations died, messages ended {ends:?}");
}
