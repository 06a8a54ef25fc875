//! The ports of one invocation: each call stops first, so that others can go on, and then goes as it is planned.

use crate::{
    handler::script,
    invocation::{Fault, Function, Invocation},
    world::{Call, World},
};
use expedite::{
    domain::{Message, State, Tenant, Timestamp, Topic},
    envelope::Envelope,
    handler::{Handler, Job, Verdict},
    metrics::{self, Meter, Sample},
    payload::Payload,
    ports::{
        Broker, Clock, Connection, ConnectionId, Connections, Created, DueIndex, DuePage, DuePosition,
        Entropy, Key, KeyPage, MessageStore, Parcel, Position, Push, PushError, Replaced, SendError,
        StateIndex, StatePage, StoreError, Stray, Strays, SubscriberPage, Subscribers, TenantIndex,
    },
};
use std::{future::Future, sync::Arc, time::Duration};

#[derive(Clone)]
pub struct Ports {
    pub world: Arc<World>,
    pub by: Arc<Invocation>,
}

impl Ports {
    async fn call<T>(
        &self,
        name: &'static str,
        effect: impl Future<Output = T> + Send,
        failed: impl FnOnce() -> T + Send,
    ) -> T {
        self.by.stop_at_call().await;
        let planned = self.world.called(Call { function: self.by.function, name });
        let ordered = self.by.fault.lock().unwrap().take();
        match planned.or(ordered) {
            None => effect.await,
            Some(Fault::CrashBefore) => self.by.die().await,
            Some(Fault::CrashAfter) => {
                effect.await;
                self.by.die().await
            }
            Some(Fault::AnswerLost) => {
                effect.await;
                failed()
            }
            Some(Fault::Refused) => failed(),
        }
    }

    async fn table<T: Send>(
        &self,
        name: &'static str,
        effect: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.call(name, effect, || Err(StoreError::Unavailable("as planned".to_owned()))).await
    }

    /// Makes a write, and tells the stream what it has changed.
    async fn change<T: Send>(
        &self,
        key: Key,
        write: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let before = (&self.world.store).read(&key).await?;
        let answer = write.await?;
        let after = (&self.world.store).read(&key).await?;
        if let Some(after) = after.filter(|after| before.as_ref() != Some(after)) {
            self.world.history().changed(&self.by, before.as_ref(), &after);
        }
        Ok(answer)
    }
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        self.by.clock(self.world.clock.now())
    }
}

impl Entropy for Ports {
    fn bits(&self) -> u128 {
        self.world.entropy.bits()
    }
}

impl Meter for Ports {
    fn take(&self, sample: Sample) {
        let function = match self.by.function {
            Function::Ingest => metrics::Function::Ingest,
            Function::Process => metrics::Function::Process,
            Function::Relay => metrics::Function::Relay,
            Function::DeadLetter => metrics::Function::DeadLetter,
            Function::Control => metrics::Function::Control,
            Function::Fanout => metrics::Function::Fanout,
        };
        assert!(sample.is_of(function), "{function} takes no {sample:?}");
    }

    fn flush(&self) {}
}

impl MessageStore for Ports {
    async fn create(&self, message: &Message, payload: &Payload) -> Result<Created, StoreError> {
        self.table("create", async {
            let created = (&self.world.store).create(message, payload).await?;
            if created == Created::New {
                let name = script(payload.get()).name;
                self.world.history().created(&self.by, message, name);
            }
            Ok(created)
        })
        .await
    }

    async fn read(&self, key: &Key) -> Result<Option<Message>, StoreError> {
        self.table("read", (&self.world.store).read(key)).await
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Message>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.table("read_many", (&self.world.store).read_many(keys)).await
    }

    async fn read_payload(&self, key: &Key) -> Result<Option<Payload>, StoreError> {
        self.table("read_payload", (&self.world.store).read_payload(key)).await
    }

    async fn replace(&self, before: &Message, next: &Message) -> Result<Replaced, StoreError> {
        let store = &self.world.store;
        self.table("replace", self.change(Key::of(next), store.replace(before, next))).await
    }
}

impl DueIndex for Ports {
    async fn due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<DuePosition>,
    ) -> Result<DuePage, StoreError> {
        self.table("due", (&self.world.store).due(shard, now, after)).await
    }
}

impl TenantIndex for Ports {
    async fn page(
        &self,
        tenant: &Tenant,
        after: Option<Position>,
        limit: usize,
    ) -> Result<KeyPage, StoreError> {
        self.table("list", TenantIndex::page(&&self.world.store, tenant, after, limit)).await
    }
}

impl StateIndex for Ports {
    async fn in_state(
        &self,
        tenant: &Tenant,
        state: State,
        after: Option<Position>,
        limit: usize,
    ) -> Result<StatePage, StoreError> {
        self.table("in_state", (&self.world.store).in_state(tenant, state, after, limit)).await
    }
}

impl Strays for Ports {
    async fn keep(&self, stray: &Stray) -> Result<(), StoreError> {
        self.table("keep", (&self.world.store).keep(stray)).await
    }
}

impl Broker for Ports {
    async fn send(&self, envelope: &Envelope, delay: Duration) -> Result<(), SendError> {
        let effect = async {
            let now = self.world.clock.now();
            self.world.history().sent(envelope, &self.world.store.all());
            self.world.broker().take(envelope, delay, now);
            Ok(())
        };
        self.call("send", effect, || Err(SendError::Unavailable("as planned".to_owned()))).await
    }

    async fn send_all(&self, parcels: &[Parcel]) -> Vec<Result<(), SendError>> {
        let mut answers = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            answers.push(self.send(&parcel.envelope, parcel.delay).await);
        }
        answers
    }
}

impl Handler for Ports {
    async fn handle(&self, job: Job) -> Verdict {
        let work = async {
            let script = script(job.payload.get());
            let verdict = {
                let mut history = self.world.history();
                let earlier = history.runs.iter().filter(|run| run.key.id == job.id).count();
                let verdict = script.verdict(earlier, &job);
                history.ran(&job, verdict.clone());
                verdict
            };
            tokio::time::sleep(script.takes()).await;
            match verdict {
                Some(verdict) => verdict,
                None => self.by.die().await,
            }
        };
        let lost = || Verdict::Retry { after: None, reason: "its answer got lost".to_owned() };
        self.call("handle", work, lost).await
    }
}

impl Connections for Ports {
    async fn open(&self, connection: &Connection) -> Result<(), StoreError> {
        self.table("open", (&self.world.connections).open(connection)).await
    }

    async fn find(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.table("find", (&self.world.connections).find(id)).await
    }

    async fn subscribe(&self, connection: &Connection, topics: &[Topic]) -> Result<bool, StoreError> {
        self.table("subscribe", (&self.world.connections).subscribe(connection, topics)).await
    }

    async fn unsubscribe(&self, connection: &Connection, topics: &[Topic]) -> Result<(), StoreError> {
        self.table("unsubscribe", (&self.world.connections).unsubscribe(connection, topics)).await
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), StoreError> {
        self.table("close", (&self.world.connections).close(id)).await
    }
}

impl Subscribers for Ports {
    async fn page(
        &self,
        tenant: &Tenant,
        topic: &Topic,
        after: Option<ConnectionId>,
    ) -> Result<SubscriberPage, StoreError> {
        self.table("subscribers", Subscribers::page(&&self.world.connections, tenant, topic, after)).await
    }
}

impl Push for Ports {
    async fn push(&self, to: &ConnectionId, frame: &str) -> Result<(), PushError> {
        let lost = || Err(PushError::Failed("as planned".to_owned()));
        self.call("push", (&self.world.push).push(to, frame), lost).await
    }
}
