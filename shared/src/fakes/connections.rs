use super::{Faults, locked};
use crate::ports::{
    Connection, ConnectionId, Connections, Push, PushError, StoreError, SubscriberPage, Subscribers,
    TicketHash, Tickets,
};
use expedite_domain::{Tenant, Timestamp, Topic};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

/// How many subscribers one page has: few, so that tests see several pages.
const PAGE: usize = 3;

/// The connections and tickets, in memory.
#[derive(Debug, Default)]
pub struct FakeConnections {
    connections: Mutex<BTreeMap<ConnectionId, Connection>>,
    tickets: Mutex<HashMap<TicketHash, (Tenant, Timestamp)>>,
    /// What goes wrong with the calls to come.
    pub faults: Faults,
}

impl Tickets for &FakeConnections {
    async fn issue(
        &self,
        hash: &TicketHash,
        tenant: &Tenant,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.faults.around(|| {
            locked(&self.tickets).insert(*hash, (tenant.clone(), expires_at));
            Ok(())
        })
    }

    async fn redeem(&self, hash: &TicketHash, now: Timestamp) -> Result<Option<Tenant>, StoreError> {
        self.faults.around(|| {
            let mut tickets = locked(&self.tickets);
            let good = tickets.get(hash).is_some_and(|(_, expires_at)| *expires_at > now);
            Ok(if good { tickets.remove(hash).map(|(tenant, _)| tenant) } else { None })
        })
    }
}

impl Connections for &FakeConnections {
    async fn open(&self, connection: &Connection) -> Result<(), StoreError> {
        self.faults.around(|| {
            locked(&self.connections).insert(connection.id.clone(), connection.clone());
            Ok(())
        })
    }

    async fn find(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.faults.around(|| Ok(locked(&self.connections).get(id).cloned()))
    }

    async fn subscribe(&self, connection: &Connection, topics: &[Topic]) -> Result<bool, StoreError> {
        self.faults.around(|| {
            let mut connections = locked(&self.connections);
            let Some(found) = connections.get_mut(&connection.id) else {
                return Ok(false);
            };
            found.topics.extend(topics.iter().cloned());
            found.topics.sort();
            found.topics.dedup();
            Ok(true)
        })
    }

    async fn unsubscribe(&self, connection: &Connection, topics: &[Topic]) -> Result<(), StoreError> {
        self.faults.around(|| {
            if let Some(found) = locked(&self.connections).get_mut(&connection.id) {
                found.topics.retain(|topic| !topics.contains(topic));
            }
            Ok(())
        })
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), StoreError> {
        self.faults.around(|| {
            locked(&self.connections).remove(id);
            Ok(())
        })
    }
}

impl Subscribers for &FakeConnections {
    async fn page(
        &self,
        tenant: &Tenant,
        topic: &Topic,
        after: Option<ConnectionId>,
    ) -> Result<SubscriberPage, StoreError> {
        self.faults.around(|| {
            let mut connections: Vec<_> = locked(&self.connections)
                .values()
                .filter(|connection| connection.tenant == *tenant && connection.topics.contains(topic))
                .map(|connection| connection.id.clone())
                .filter(|id| after.as_ref().is_none_or(|after| id > after))
                .collect();
            let more = connections.len() > PAGE;
            connections.truncate(PAGE);
            let next = connections.last().filter(|_| more).cloned();
            Ok(SubscriberPage { connections, next })
        })
    }
}

/// Sockets that remember their frames; some are gone, some are slow.
#[derive(Debug, Default)]
pub struct FakePush {
    frames: Mutex<Vec<(ConnectionId, String)>>,
    gone: Mutex<Vec<ConnectionId>>,
    slow: Mutex<Vec<ConnectionId>>,
}

impl FakePush {
    /// What arrived at a socket, in its order.
    pub fn frames(&self, at: &ConnectionId) -> Vec<String> {
        locked(&self.frames).iter().filter(|(to, _)| to == at).map(|(_, frame)| frame.clone()).collect()
    }

    /// Closes a socket from the other side.
    pub fn set_gone(&self, id: &ConnectionId) {
        locked(&self.gone).push(id.clone());
    }

    /// Makes a socket's next frame find a full buffer.
    pub fn set_slow(&self, id: &ConnectionId) {
        locked(&self.slow).push(id.clone());
    }
}

impl Push for &FakePush {
    async fn push(&self, to: &ConnectionId, frame: &str) -> Result<(), PushError> {
        if locked(&self.gone).contains(to) {
            return Err(PushError::Gone);
        }
        let mut slow = locked(&self.slow);
        if let Some(at) = slow.iter().position(|id| id == to) {
            slow.remove(at);
            return Err(PushError::Slow);
        }
        locked(&self.frames).push((to.clone(), frame.to_owned()));
        Ok(())
    }
}
