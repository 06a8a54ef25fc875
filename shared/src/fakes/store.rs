use super::{Faults, locked};
use crate::{
    payload::Payload,
    ports::{
        Backlog, Created, DUE_SHARDS, DueIndex, DuePage, DuePosition, Key, KeyPage, MessageStore, Position,
        Replaced, Standing, StateIndex, StatePage, StoreError, Stray, TenantIndex, Unfinished,
        UnfinishedPage, is_indexed,
    },
};
use expedite_domain::{Message, State, Tenant, Timestamp};
use std::{cmp::Reverse, collections::BTreeMap, sync::Mutex};

/// How many due messages one page has: few, so that tests see several pages.
const DUE_PAGE: usize = 3;

/// The messages and strays, in memory.
#[derive(Debug, Default)]
pub struct FakeStore {
    messages: Mutex<BTreeMap<Key, Message>>,
    payloads: Mutex<BTreeMap<Key, Payload>>,
    pub(super) strays: Mutex<BTreeMap<String, Stray>>,
    /// What goes wrong with the calls to come.
    pub faults: Faults,
}

impl FakeStore {
    /// The only message, for tests that make one.
    ///
    /// # Panics
    /// There is none, or more than one.
    pub fn only(&self) -> Message {
        let messages = locked(&self.messages);
        assert_eq!(messages.len(), 1, "one message is expected");
        messages.values().cloned().collect::<Vec<_>>().remove(0)
    }

    /// All messages, by their keys.
    pub fn all(&self) -> Vec<Message> {
        locked(&self.messages).values().cloned().collect()
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        locked(&self.messages).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a message there, whatever stood before.
    pub fn put(&self, message: Message, payload: Payload) {
        let key = Key::of(&message);
        locked(&self.payloads).insert(key.clone(), payload);
        locked(&self.messages).insert(key, message);
    }

    /// Takes a payload away, as no correct program does.
    pub fn lose_payload(&self, key: &Key) {
        locked(&self.payloads).remove(key);
    }
}

impl MessageStore for &FakeStore {
    async fn create(&self, message: &Message, payload: &Payload) -> Result<Created, StoreError> {
        self.faults.around(|| {
            let key = Key::of(message);
            let mut messages = locked(&self.messages);
            if let Some(found) = messages.get(&key) {
                return Ok(Created::Exists(Box::new(found.clone())));
            }
            messages.insert(key.clone(), message.clone());
            locked(&self.payloads).insert(key, payload.clone());
            Ok(Created::New)
        })
    }

    async fn read(&self, key: &Key) -> Result<Option<Message>, StoreError> {
        self.faults.around(|| Ok(locked(&self.messages).get(key).cloned()))
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Message>, StoreError> {
        self.faults.around(|| {
            let messages = locked(&self.messages);
            let mut distinct: Vec<_> = keys.iter().collect();
            distinct.sort();
            distinct.dedup();
            Ok(distinct.into_iter().filter_map(|key| messages.get(key).cloned()).collect())
        })
    }

    async fn read_payload(&self, key: &Key) -> Result<Option<Payload>, StoreError> {
        self.faults.around(|| Ok(locked(&self.payloads).get(key).cloned()))
    }

    async fn replace(&self, before: &Message, next: &Message) -> Result<Replaced, StoreError> {
        self.faults.around(|| {
            let revived = before.state.is_final() && !next.state.is_final();
            if revived && !locked(&self.payloads).contains_key(&Key::of(next)) {
                return Ok(Replaced::Missing);
            }
            let mut messages = locked(&self.messages);
            let Some(found) = messages.get_mut(&Key::of(next)) else {
                return Ok(Replaced::Missing);
            };
            if found == next {
                return Ok(Replaced::Written);
            }
            if found.version != before.version {
                return Ok(Replaced::Conflict(Box::new(found.clone())));
            }
            *found = next.clone();
            Ok(Replaced::Written)
        })
    }
}

impl TenantIndex for &FakeStore {
    async fn page(
        &self,
        tenant: &Tenant,
        after: Option<Position>,
        limit: usize,
    ) -> Result<KeyPage, StoreError> {
        self.faults.around(|| {
            let mut positions: Vec<_> = locked(&self.messages)
                .values()
                .filter(|message| message.tenant == *tenant)
                .map(|message| Position { created_at: message.created_at, id: message.id })
                .filter(|position| after.is_none_or(|after| place(position) > place(&after)))
                .collect();
            positions.sort_by_key(place);
            let more = positions.len() > limit;
            positions.truncate(limit);
            Ok(KeyPage { positions, more })
        })
    }
}

impl StateIndex for &FakeStore {
    async fn in_state(
        &self,
        tenant: &Tenant,
        state: State,
        after: Option<Position>,
        limit: usize,
    ) -> Result<StatePage, StoreError> {
        self.faults.around(|| {
            let mut standings: Vec<_> = locked(&self.messages)
                .values()
                .filter(|message| message.tenant == *tenant && message.state == state && is_indexed(state))
                .map(|message| Standing {
                    position: Position { created_at: message.created_at, id: message.id },
                    priority: message.priority,
                    deliver_at: message.deliver_at,
                })
                .filter(|standing| after.is_none_or(|after| place(&standing.position) > place(&after)))
                .collect();
            standings.sort_by_key(|standing| place(&standing.position));
            let more = standings.len() > limit;
            standings.truncate(limit);
            Ok(StatePage { standings, more })
        })
    }
}

/// Newest first.
fn place(position: &Position) -> Reverse<(Timestamp, String)> {
    Reverse((position.created_at, position.id.to_string()))
}

impl FakeStore {
    /// A page of what is due in a shard until then, most overdue first, and where the next one starts.
    fn due_page(
        &self,
        shard: u8,
        until: Timestamp,
        after: Option<&DuePosition>,
    ) -> (Vec<Message>, Option<DuePosition>) {
        let in_shard =
            |key: &Key| key.id.to_string().bytes().last().map(|byte| byte % DUE_SHARDS) == Some(shard);
        let mut due: Vec<_> = locked(&self.messages)
            .iter()
            .filter(|(key, _)| in_shard(key))
            .filter_map(|(key, message)| {
                let due_at = message.due_at.filter(|at| *at <= until)?.millis();
                Some(((due_at, format!("{}#{}", key.tenant.as_str(), key.id)), message.clone()))
            })
            .filter(|((due_at, pk), _)| after.is_none_or(|after| (*due_at, pk) > (after.due_at, &after.pk)))
            .collect();
        due.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = due.len() > DUE_PAGE;
        due.truncate(DUE_PAGE);
        let next = due
            .last()
            .filter(|_| more)
            .map(|((due_at, pk), _)| DuePosition { pk: pk.clone(), due_at: *due_at });
        (due.into_iter().map(|(_, message)| message).collect(), next)
    }
}

impl DueIndex for &FakeStore {
    async fn due(
        &self,
        shard: u8,
        now: Timestamp,
        after: Option<DuePosition>,
    ) -> Result<DuePage, StoreError> {
        self.faults.around(|| {
            let (messages, next) = self.due_page(shard, now, after.as_ref());
            Ok(DuePage { keys: messages.iter().map(Key::of).collect(), next, unreadable: Vec::new() })
        })
    }
}

impl Backlog for &FakeStore {
    async fn unfinished(
        &self,
        shard: u8,
        before: Timestamp,
        after: Option<DuePosition>,
    ) -> Result<UnfinishedPage, StoreError> {
        self.faults.around(|| {
            let (messages, next) = self.due_page(shard, before, after.as_ref());
            let messages = messages.into_iter().filter_map(|message| {
                let (priority, state, deliver_at) = (message.priority, message.state, message.deliver_at);
                Some(Unfinished { priority, state, deliver_at, due_at: message.due_at? })
            });
            Ok(UnfinishedPage { messages: messages.collect(), next, unreadable: 0 })
        })
    }
}
