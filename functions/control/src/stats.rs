use crate::{Control, unreadable};
use expedite::{
    domain::{Priority, State, Tenant, Timestamp},
    metrics::Meter,
    ports::{
        Clock, Entropy, MessageStore, Standing, StateIndex, StoreError, TenantIndex, Tickets, is_indexed,
    },
    problem::{Problem, json},
    view::rfc3339,
};
use futures_util::future::try_join_all;
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::{Map, json};

/// Messages on a page of the index: one read of DynamoDB gives 1 MB, some thousands of them.
const PAGE: usize = 2_000;

/// How many pages are read for each state. Beyond that the counts are lower bounds, and the answer says so.
const PAGES: usize = 50;

/// What there is of one priority.
#[derive(Clone, Debug, Default, Serialize)]
struct Counts {
    /// Its time has come, and nobody works on it yet.
    waiting: u64,
    /// Its time has not come.
    scheduled: u64,
    /// An attempt works on it.
    running: u64,
    /// An attempt failed, and the next one is to come.
    retrying: u64,
    /// The attempts are used up, or its handler discarded it.
    failed: u64,
    /// Seconds since the oldest message that is waiting, running or retrying was created; none where there is none.
    oldest_age_seconds: Option<u64>,
}

impl<S: MessageStore + TenantIndex + StateIndex, T: Tickets, C: Clock, E: Entropy, M: Meter>
    Control<S, T, C, E, M>
{
    /// `GET /v1/stats`: what is not final, and what has failed, by priority. May lag behind by a moment.
    pub(crate) async fn stats(&self, tenant: Tenant) -> Result<Response<Body>, Problem> {
        let now = self.clock.now();
        let states = State::ALL.into_iter().filter(|state| is_indexed(*state));
        let read = states.map(async |state| {
            let (standings, all) = self.standings(&tenant, state).await?;
            Ok::<_, StoreError>((state, standings, all))
        });
        let read = try_join_all(read).await.map_err(unreadable)?;
        let complete = read.iter().all(|(.., all)| *all);
        let mut priorities = Map::new();
        for priority in Priority::ALL {
            let mut counts = Counts::default();
            for (state, standings, _) in &read {
                standings
                    .iter()
                    .filter(|standing| standing.priority == priority)
                    .for_each(|standing| counts.add(*state, standing, now));
            }
            priorities.insert(priority.to_string(), json!(counts));
        }
        Ok(json(200, &json!({"at": rfc3339(now), "complete": complete, "priorities": priorities})))
    }

    /// The messages in a state, and whether these are all.
    async fn standings(&self, tenant: &Tenant, state: State) -> Result<(Vec<Standing>, bool), StoreError> {
        let mut all: Vec<Standing> = Vec::new();
        for _ in 0..PAGES {
            let after = all.last().map(|last| last.position);
            let page = self.messages.in_state(tenant, state, after, PAGE).await?;
            all.extend(page.standings);
            if !page.more {
                return Ok((all, true));
            }
        }
        Ok((all, false))
    }
}

impl Counts {
    fn add(&mut self, state: State, standing: &Standing, now: Timestamp) {
        let count = match state {
            State::Accepted | State::Queued if standing.deliver_at > now => &mut self.scheduled,
            State::Accepted | State::Queued => &mut self.waiting,
            State::Processing => &mut self.running,
            State::Retrying => &mut self.retrying,
            State::Failed => &mut self.failed,
            State::Completed | State::Cancelled | State::Expired => return,
        };
        *count += 1;
        let scheduled = matches!(state, State::Accepted | State::Queued) && standing.deliver_at > now;
        if state != State::Failed && !scheduled {
            let age = standing.position.created_at.until(now).as_secs();
            self.oldest_age_seconds = self.oldest_age_seconds.max(Some(age));
        }
    }
}
