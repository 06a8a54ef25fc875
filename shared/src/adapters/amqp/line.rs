use super::{
    dialer::Dialer,
    lane::Lane,
    link::{Fault, Link, TRY_TIMEOUT, unavailable},
    message::Outgoing,
};
use crate::ports::SendError;
use fe2o3_amqp_types::messaging::Outcome;
use std::time::{Duration, SystemTime};
use tokio::{sync::Mutex, time::timeout};

/// How long a connection may have been idle to be used again: well under the broker's time-out of 30 s.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// One connection, kept between sends and opened anew where it has died. Many sends may be under way on it.
#[derive(Default)]
pub(super) struct Line(Mutex<Slot>);

#[derive(Default)]
struct Slot {
    link: Option<Link>,
    /// Counts links, from one, so that a failed send closes the one that it used and not its successor.
    generation: u64,
}

impl Line {
    /// Opens the connection and attaches to these lanes.
    pub(super) async fn warm_up(&self, dialer: &Dialer, lanes: &[Lane]) -> Result<(), Fault> {
        let mut slot = self.0.lock().await;
        for lane in lanes {
            slot.freshen(dialer).await?;
            slot.link()?.sender(*lane).await?;
        }
        Ok(())
    }

    /// Tries twice: a kept connection may have died unseen. A message that the first try delivered after all arrives
    /// twice with the same epoch, and only one of the two can be claimed.
    pub(super) async fn send(&self, dialer: &Dialer, lane: Lane, message: &Outgoing) -> Result<(), Fault> {
        let mut last = unavailable("nothing was tried");
        for _ in 0..2 {
            let mut used = 0;
            last = match timeout(TRY_TIMEOUT, self.try_send(dialer, lane, message, &mut used)).await {
                Ok(Err(Fault::Connection(error))) => error,
                Ok(ended) => return ended,
                Err(_) => unavailable(format!("no answer within {} s", TRY_TIMEOUT.as_secs())),
            };
            self.close(used).await;
        }
        Err(Fault::Connection(last))
    }

    /// One try. Says with which link it was made, so that a failure can close that one.
    async fn try_send(
        &self,
        dialer: &Dialer,
        lane: Lane,
        message: &Outgoing,
        used: &mut u64,
    ) -> Result<(), Fault> {
        let broken = |error: fe2o3_amqp::link::SendError| Fault::Connection(unavailable(error));
        let pending = {
            let mut slot = self.0.lock().await;
            slot.freshen(dialer).await?;
            *used = slot.generation;
            let link = slot.link()?;
            link.last_used = SystemTime::now();
            link.sender(lane).await?.send_batchable_ref(message).await.map_err(broken)?
        };
        match pending.await.map_err(broken)? {
            Outcome::Accepted(_) => Ok(()),
            outcome => Err(Fault::Message(SendError::Refused(format!("{outcome:?}")))),
        }
    }

    /// Drops the link of that generation, which also resolves everything that is pending on it.
    async fn close(&self, generation: u64) {
        let mut slot = self.0.lock().await;
        if slot.generation == generation {
            slot.link = None;
        }
    }
}

impl Slot {
    /// Keeps the link if it can be used, or opens a new one.
    async fn freshen(&mut self, dialer: &Dialer) -> Result<(), Fault> {
        let reusable = self.link.as_ref().is_some_and(|link| link.is_fresh(IDLE_LIMIT));
        if !reusable {
            self.link = None;
            self.generation += 1;
            self.link = Some(dialer.connect().await.map_err(Fault::Connection)?);
        }
        Ok(())
    }

    fn link(&mut self) -> Result<&mut Link, Fault> {
        self.link.as_mut().ok_or_else(|| Fault::Connection(unavailable("not connected")))
    }
}
