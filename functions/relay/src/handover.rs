use crate::{AT_ONCE, Done, Fault, Relay, stays_due};
use expedite::{
    domain::{Event, Message},
    envelope::Envelope,
    metrics::{Meter, Metric},
    ports::{Broker, Clock, DueIndex, Entropy, Key, MessageStore, Parcel, SendError},
    telemetry::About,
};
use futures_util::{StreamExt, stream};
use std::{cmp::Reverse, time::Duration};

/// A hand-over that is owed.
pub(crate) struct Owing {
    pub(crate) message: Message,
    /// How long the broker holds the message back.
    pub(crate) delay: Duration,
    /// What it counts as, once it is done.
    pub(crate) done: Done,
}

impl<S: MessageStore + DueIndex, B: Broker, C: Clock, E: Entropy, M: Meter> Relay<S, B, C, E, M> {
    /// Hands all of them over, higher priorities first, and marks what the broker confirmed.
    pub(crate) async fn hand_over(&self, mut owing: Vec<Owing>) -> Vec<Done> {
        owing.sort_by_key(|one| Reverse(one.message.priority));
        let packed: Vec<_> = stream::iter(owing).map(|one| self.pack(one)).buffered(AT_ONCE).collect().await;
        let mut ended = Vec::with_capacity(packed.len());
        let (mut owing, mut parcels) = (Vec::new(), Vec::new());
        for one in packed {
            match one {
                Ok((one, parcel)) => {
                    owing.push(one);
                    parcels.push(parcel);
                }
                Err(failed) => ended.push(failed),
            }
        }
        let start = self.clock.now();
        let sent = self.broker.send_all(&parcels).await;
        let took = start.until(self.clock.now());
        let mut marked = stream::iter(owing.into_iter().zip(sent))
            .map(|(one, sent)| self.mark(one, sent, took))
            .buffer_unordered(AT_ONCE);
        while let Some(done) = marked.next().await {
            ended.push(done);
        }
        ended
    }

    async fn pack(&self, one: Owing) -> Result<(Owing, Parcel), Done> {
        let read = self.store.read_payload(&Key::of(&one.message)).await.map_err(Fault::Store);
        match read.and_then(|payload| payload.ok_or(Fault::NoPayload)) {
            Ok(payload) => {
                let parcel = Parcel { envelope: Envelope::of(&one.message, payload), delay: one.delay };
                Ok((one, parcel))
            }
            Err(fault) => Err(stays_due(&About::of(&one.message), &fault)),
        }
    }

    async fn mark(&self, one: Owing, sent: Result<(), SendError>, took: Duration) -> Done {
        let Owing { message, done, .. } = one;
        let (about, priority) = (About::of(&message), message.priority);
        let raise = self.aging.raise(priority);
        let marked = match sent {
            Ok(()) => {
                let now = self.clock.now();
                self.meter.time(Metric::HandoverTime, priority, took);
                if let Some(since) = message.owed_since() {
                    self.meter.time(Metric::OutboxAge, priority, since.until(now));
                }
                let event = Event::HandedOver { epoch: message.epoch, raise };
                self.apply(message, event, now, done).await
            }
            Err(error) => {
                self.meter.count_one(Metric::HandoversFailed, priority);
                Err(Fault::Send(error))
            }
        };
        marked.unwrap_or_else(|fault| stays_due(&about, &fault))
    }
}
