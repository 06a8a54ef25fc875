//! What holds on every way that a message can take: thousands of random ones, the same in every run.

use crate::sample::{ATTEMPTS, NOON, submission};
use expedite_domain::{
    Aging, Event, LOOKED_AT_WITHIN, Lease, Message, Outcome, Owed, Owner, Priority, Refused, State,
    Submission, TIMELINE_LIMIT, Timestamp, owed, transition,
};
use std::{collections::BTreeSet, time::Duration};

const WALKS: u64 = 3_000;
const STEPS: usize = 40;

const AGING: Aging = Aging {
    low: Some(Duration::from_secs(300)),
    medium: Some(Duration::from_secs(2_000)),
    cap: Priority::High,
};

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % limit
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    /// From the past to beyond the hand-over window.
    fn moment(&mut self, now: Timestamp) -> Timestamp {
        let wait = Duration::from_secs(self.pick(&[0, 1, 60, 1_000, 100_000]));
        if self.below(4) == 0 { now.minus(wait) } else { now.plus(wait) }
    }

    fn event(&mut self, message: &Message, now: Timestamp) -> Event {
        // Mostly the epoch that counts, or nothing would ever move.
        let epoch = if self.below(6) == 0 { message.epoch.saturating_sub(1) } else { message.epoch };
        let owner = Owner::from_bits(self.below(2).into());
        let reason = "why".to_owned();
        match self.below(14) {
            0..=2 => Event::HandedOver { epoch, raise: AGING.raise(message.priority) },
            3 => Event::HandoverFailed { epoch, reason },
            4 | 5 => {
                Event::Claimed { epoch, lease: Lease { owner, until: now.plus(Duration::from_secs(40)) } }
            }
            6 => Event::GivenBack { epoch },
            7 | 8 => Event::Finished { owner, outcome: self.outcome(now) },
            9 => Event::LeaseLapsed { retry_at: self.moment(now) },
            10 => Event::GivenUp { epoch, retry_at: self.moment(now), reason },
            11 => self.pick(&[Event::Expired, Event::Aged { to: Priority::High }]),
            12 => {
                let priority = self.pick(&[None, Some(Priority::Low), Some(Priority::High)]);
                let deliver_at = Some(self.moment(now)).filter(|_| priority.is_none());
                Event::Amended { priority, deliver_at }
            }
            _ if message.state == State::Failed => {
                Event::Redriven { priority: None, deliver_at: self.moment(now) }
            }
            // Rare, or few would live long.
            _ if self.below(8) == 0 => Event::Cancelled,
            _ => Event::Redriven { priority: None, deliver_at: now },
        }
    }

    fn outcome(&mut self, now: Timestamp) -> Outcome {
        let (at, reason) = (self.moment(now), "why".to_owned());
        match self.below(8) {
            0 => Outcome::Done,
            1 => Outcome::Discard { reason },
            2 | 3 => Outcome::Snooze { until: at, reason },
            _ => Outcome::Retry { at, reason },
        }
    }
}

/// Calls `step` with every message, what happened to it, and what came of it.
fn walk(mut step: impl FnMut(&Message, &Event, Timestamp, &Result<Message, Refused>)) {
    for seed in 0..WALKS {
        let mut dice = Dice(seed);
        let mut now = NOON;
        let priority = dice.pick(&Priority::ALL);
        let wanted = dice.moment(now);
        let start_by = Some(now.plus(Duration::from_secs(5_000))).filter(|_| dice.below(3) == 0);
        let mut message = Message::accept(Submission { start_by, ..submission(priority, Some(wanted)) }, now);
        for _ in 0..STEPS {
            now = now.plus(Duration::from_secs(dice.pick(&[0, 0, 1, 40, 900, 100_000])));
            let event = dice.event(&message, now);
            let result = transition(&message, event.clone(), now);
            step(&message, &event, now, &result);
            message = result.unwrap_or(message);
        }
    }
}

#[test]
fn the_walks_go_everywhere() {
    let mut reached = BTreeSet::new();
    let mut refused = BTreeSet::new();
    walk(|_, _, _, result| match result {
        Ok(next) => drop(reached.insert(next.state.as_str())),
        Err(reason) => drop(refused.insert(reason.as_str())),
    });
    assert_eq!(reached.len(), State::ALL.len());
    assert_eq!(refused.len(), 9, "{refused:?}");
}

#[test]
fn a_change_raises_the_version_by_one_and_adds_one_step() {
    walk(|before, event, now, result| {
        let Ok(after) = result else { return };
        assert_eq!(after.version, before.version + 1, "{event:?}");
        let step = after.timeline.entries.last().unwrap();
        assert_eq!((step.state, step.at, step.attempt), (after.state, now, after.attempt));
        let steps = after.timeline.entries.len() as u64 + u64::from(after.timeline.dropped);
        assert_eq!(steps, after.version);
        assert!(after.timeline.entries.len() <= TIMELINE_LIMIT);
    });
}

#[test]
fn a_final_state_is_left_by_a_redrive_of_a_failed_one_alone() {
    walk(|before, event, _, result| {
        let revived = before.state == State::Failed && matches!(event, Event::Redriven { .. });
        if before.state.is_final() && !revived {
            assert_eq!(*result, Err(Refused::Final(before.state)), "{event:?}");
        }
    });
}

#[test]
fn somebody_must_look_at_it_exactly_as_long_as_it_is_not_final() {
    walk(|_, event, now, result| {
        let Ok(after) = result else { return };
        assert_eq!(after.due_at.is_none(), after.state.is_final(), "{event:?}");
        // Whoever looks when it is due finds something to do: nothing waits for a sweep that passes it over.
        let due = after.due_at.map(|due| owed(after, &AGING, due.max(now)));
        assert!(!matches!(due, Some(Owed::Later(_) | Owed::Nothing)), "{event:?} led to {due:?}");
    });
}

#[test]
fn a_lease_goes_with_processing_and_an_owed_hand_over_with_waiting() {
    walk(|_, event, _, result| {
        let Ok(after) = result else { return };
        assert_eq!(after.lease.is_some(), after.state == State::Processing, "{event:?}");
        let owes = matches!(after.state, State::Accepted | State::Retrying);
        assert_eq!(after.handover.is_some(), owes, "{event:?}");
    });
}

#[test]
fn attempts_stay_within_their_number_and_epochs_never_fall() {
    walk(|before, event, _, result| {
        let Ok(after) = result else { return };
        assert!(after.attempt <= after.attempt_limit, "{event:?} led to attempt {}", after.attempt);
        let redriven = matches!(event, Event::Redriven { .. });
        let limit = if redriven { before.attempt + ATTEMPTS as u32 } else { before.attempt_limit };
        assert_eq!(after.attempt_limit, limit, "{event:?}");
        let voids = after.epoch - before.epoch;
        assert!(voids <= 1);
        // Whatever takes a message out of the broker's hands, or takes it back, makes what is there void.
        let command = matches!(
            event,
            Event::GivenBack { .. }
                | Event::Aged { .. }
                | Event::Cancelled
                | Event::Amended { .. }
                | Event::Redriven { .. }
        );
        assert_eq!(voids == 1, after.state == State::Retrying || command, "{event:?}");
    });
}

#[test]
fn nothing_is_started_for_the_first_time_behind_its_end() {
    let mut refused = 0;
    walk(|before, event, now, result| {
        if !matches!(event, Event::Claimed { .. }) || before.attempt > 0 {
            return;
        }
        if before.start_by.is_some_and(|end| end <= now) {
            assert!(result.is_err());
            refused += usize::from(*result == Err(Refused::Expired));
        }
    });
    assert!(refused > 0);
}

#[test]
fn what_the_message_was_made_from_never_changes() {
    walk(|before, event, _, result| {
        let Ok(after) = result else { return };
        let origin = |message: &Message| {
            let names = (message.tenant.clone(), message.id, message.kind.clone(), message.fingerprint);
            (names, message.submitter.clone(), message.max_attempts, message.created_at, message.start_by)
        };
        assert_eq!(origin(after), origin(before));
        let moved = after.priority != before.priority;
        assert!(
            !moved || matches!(event, Event::Aged { .. } | Event::Amended { .. }),
            "{event:?} changed the priority"
        );
        assert!(after.bypassed >= before.bypassed);
    });
}

#[test]
fn what_has_come_due_is_looked_at_within_a_bound() {
    walk(|_, event, now, result| {
        let Ok(after) = result else { return };
        let latest = after.deliver_at.max(now).plus(LOOKED_AT_WITHIN);
        assert!(after.due_at.is_none_or(|due| due <= latest), "{event:?}: {after:?}");
    });
}
