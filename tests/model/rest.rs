//! What happens when nobody interferes: everything that can be done is done, and then time moves on to the next thing.

use crate::{
    broker::Queue,
    system::{MINUTE, Running, System, TENANTS},
};
use expedite::{conformance::NOON, domain::Timestamp};
use std::time::Duration;

/// How long a run may take to come to rest, in its own time.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

impl System {
    /// Whether a timeline has a state with a reason that starts like this: `failed: attempt 2`.
    pub fn has_seen(&self, words: &str) -> bool {
        self.world.history().changes.iter().any(|change| {
            let reason = change.after.reason().unwrap_or_default();
            format!("{}: {reason}", change.after.state).starts_with(words)
        })
    }

    /// Does one thing that can be done now, and says whether there was one.
    fn step(&mut self) -> bool {
        let sweep = self.sweep_is_due().then(|| self.sweep());
        let running = sweep.or_else(|| self.relay()).or_else(|| self.fanout());
        let running = running.or_else(|| Queue::ALL.into_iter().find_map(|queue| self.read(queue)));
        running.map(|running| self.run(running)).is_some()
    }

    fn read(&mut self, queue: Queue) -> Option<Running> {
        if self.reads(queue) { self.deliver(queue) } else { None }
    }

    fn reads(&self, queue: Queue) -> bool {
        queue.dead || self.processing
    }

    /// A sweep that would find nothing is left out: it only reads.
    fn sweep_is_due(&mut self) -> bool {
        let now = self.now();
        if now < self.next_sweep {
            return false;
        }
        self.next_sweep = self.sweep_after(now.plus(Duration::from_millis(1)));
        self.due().is_some_and(|due| due <= now)
    }

    fn due(&self) -> Option<Timestamp> {
        self.world.store.all().iter().filter_map(|message| message.due_at).min()
    }

    /// The first sweep from then on.
    fn sweep_after(&self, at: Timestamp) -> Timestamp {
        let minute = MINUTE.as_millis() as i64;
        let minutes = (at.millis() - NOON.millis() + minute - 1).div_euclid(minute);
        Timestamp::from_millis(NOON.millis() + minutes * minute)
    }

    /// When something can be done next.
    fn next(&self) -> Option<Timestamp> {
        let delivery = self.world.broker().next(|queue| self.reads(queue));
        let sweep = self.due().map(|due| self.sweep_after(due).max(self.next_sweep));
        delivery.into_iter().chain(sweep).min()
    }

    /// Lets everything happen that can happen within that time.
    pub fn go_on(&mut self, time: Duration) {
        let end = self.now().plus(time);
        loop {
            while self.step() {}
            match self.next().filter(|next| *next <= end) {
                Some(next) => self.pass(self.now().until(next)),
                None => break self.pass(self.now().until(end)),
            }
        }
    }

    /// Lets everything happen until nothing is left to do, and holds it against the promises.
    pub fn come_to_rest(&mut self) -> Vec<String> {
        let patience = self.now().plus(PATIENCE);
        loop {
            while self.step() {}
            match self.next() {
                Some(next) if next <= patience => self.pass(self.now().until(next)),
                Some(_) => return vec!["it does not come to rest".to_owned()],
                None => break,
            }
        }
        self.world.calm();
        let mut broken = self.world.history().at_rest(&self.world.store.all());
        if !self.to_fanout.off {
            broken.extend(self.compare_views(true));
        }
        broken
    }

    /// Holds what subscribers know against what is stored: by the pushes alone, or with a list after them.
    pub fn compare_views(&mut self, with_list: bool) -> Vec<String> {
        let stored = self.world.store.all();
        let mut broken = Vec::new();
        for tenant in TENANTS {
            let own = stored.iter().filter(|message| message.tenant.as_str() == tenant);
            let own: Vec<_> = own.cloned().collect();
            let view = self.view(tenant, with_list);
            let wrong = view.wrong(&own);
            if !wrong.is_empty() || view.len() != own.len() {
                broken.push(format!("{tenant} sees something else than what is stored: {wrong:?}, {view:?}"));
            }
        }
        broken
    }
}
