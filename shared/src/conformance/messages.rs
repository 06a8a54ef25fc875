use super::{NOON, payload, submission, tenant};
use crate::{
    change::{Changed, change},
    ports::{
        Backlog, Created, DUE_SHARDS, DueIndex, Key, MessageStore, Position, Replaced, Standing, StateIndex,
        TenantIndex, Unfinished,
    },
};
use expedite_domain::{
    Event, Lease, Message, Outcome, Owner, Priority, Refused, State, Submission, Tenant, Timestamp,
    transition,
};
use futures_util::future::join_all;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Runs the suite. `run` makes the tenants' names unlike those of other runs over the same table.
///
/// # Panics
/// The implementation does not do what the port says.
pub async fn messages(
    store: &(impl MessageStore + TenantIndex + StateIndex + DueIndex + Backlog),
    run: &str,
) {
    keeps_what_it_is_given(store, &tenant(&format!("keeps-{run}"))).await;
    creates_once(store, &tenant(&format!("once-{run}"))).await;
    compares_versions(store, &tenant(&format!("versions-{run}"))).await;
    knows_its_own_write_again(store, &tenant(&format!("own-{run}"))).await;
    lets_one_of_many_claim(store, &tenant(&format!("claim-{run}"))).await;
    parts_tenants(store, &tenant(&format!("mine-{run}")), &tenant(&format!("theirs-{run}"))).await;
    lists_newest_first(store, &tenant(&format!("list-{run}"))).await;
    revives_what_failed(store, &tenant(&format!("revive-{run}"))).await;
    knows_states(store, &tenant(&format!("states-{run}"))).await;
    finds_what_is_due(store, &tenant(&format!("due-{run}"))).await;
    tells_what_is_unfinished(store, &tenant(&format!("unfinished-{run}"))).await;
}

async fn stored(store: &impl MessageStore, tenant: &Tenant, number: u128, at: Timestamp) -> Message {
    let message = Message::accept(submission(tenant, number), at);
    assert_eq!(store.create(&message, &payload("{}")).await.unwrap(), Created::New);
    message
}

fn claimed(message: &Message, owner: u128, at: Timestamp) -> Message {
    let lease = Lease { owner: Owner::from_bits(owner), until: at.plus(SECOND) };
    transition(message, Event::Claimed { epoch: message.epoch, lease }, at).unwrap()
}

fn completed(message: &Message, owner: u128, at: Timestamp) -> Message {
    let event = Event::Finished { owner: Owner::from_bits(owner), outcome: Outcome::Done };
    transition(message, event, at).unwrap()
}

async fn keeps_what_it_is_given(store: &impl MessageStore, tenant: &Tenant) {
    let json = r#"{"n":123456789012345678901234567890.10,"ü":[null,"\u0000"]}"#;
    let message = Message::accept(submission(tenant, 1), NOON);
    let key = Key::of(&message);
    assert_eq!(store.read(&key).await.unwrap(), None);
    assert_eq!(store.read_payload(&key).await.unwrap(), None);
    store.create(&message, &payload(json)).await.unwrap();
    assert_eq!(store.read(&key).await.unwrap().as_ref(), Some(&message));
    assert_eq!(store.read_payload(&key).await.unwrap().unwrap().get(), json);

    let running = claimed(&message, 1, NOON);
    assert_eq!(store.replace(&message, &running).await.unwrap(), Replaced::Written);
    assert_eq!(store.read(&key).await.unwrap().as_ref(), Some(&running));
    let done = completed(&running, 1, NOON.plus(SECOND));
    assert_eq!(store.replace(&running, &done).await.unwrap(), Replaced::Written);
    assert_eq!(store.read_many(&[key.clone(), key.clone()]).await.unwrap(), vec![done]);
    assert_eq!(store.read_payload(&key).await.unwrap().unwrap().get(), json);
}

async fn creates_once(store: &impl MessageStore, tenant: &Tenant) {
    let first = stored(store, tenant, 1, NOON).await;
    let second = Message::accept(submission(tenant, 1), NOON.plus(SECOND));
    let again = store.create(&second, &payload("2")).await.unwrap();
    assert_eq!(again, Created::Exists(Box::new(first.clone())));
    assert_eq!(store.read_payload(&Key::of(&first)).await.unwrap().unwrap().get(), "{}");
}

async fn compares_versions(store: &impl MessageStore, tenant: &Tenant) {
    let first = stored(store, tenant, 1, NOON).await;
    let winner = claimed(&first, 1, NOON);
    let loser = claimed(&first, 2, NOON);
    assert_eq!(store.replace(&first, &winner).await.unwrap(), Replaced::Written);
    assert_eq!(store.replace(&first, &loser).await.unwrap(), Replaced::Conflict(Box::new(winner.clone())));
    let done = completed(&winner, 1, NOON);
    assert_eq!(store.replace(&winner, &done).await.unwrap(), Replaced::Written);
    assert_eq!(
        store.replace(&first, &claimed(&first, 3, NOON)).await.unwrap(),
        Replaced::Conflict(Box::new(done.clone()))
    );
    let never_stored = Message::accept(submission(tenant, 2), NOON);
    let unknown = claimed(&never_stored, 1, NOON);
    assert_eq!(store.replace(&never_stored, &unknown).await.unwrap(), Replaced::Missing);
    assert_eq!(store.read(&Key::of(&unknown)).await.unwrap(), None);
}

async fn knows_its_own_write_again(store: &impl MessageStore, tenant: &Tenant) {
    let first = stored(store, tenant, 1, NOON).await;
    let next = claimed(&first, 1, NOON);
    assert_eq!(store.replace(&first, &next).await.unwrap(), Replaced::Written);
    assert_eq!(store.replace(&first, &next).await.unwrap(), Replaced::Written);
    let done = completed(&next, 1, NOON);
    assert_eq!(store.replace(&next, &done).await.unwrap(), Replaced::Written);
    assert_eq!(store.replace(&next, &done).await.unwrap(), Replaced::Written);
}

async fn lets_one_of_many_claim(store: &impl MessageStore, tenant: &Tenant) {
    let message = stored(store, tenant, 1, NOON).await;
    let claims = (0..8).map(|owner| {
        let lease = Lease { owner: Owner::from_bits(owner), until: NOON.plus(SECOND) };
        change(store, message.clone(), Event::Claimed { epoch: 1, lease }, NOON)
    });
    let results = join_all(claims).await;
    let won = results.iter().filter(|result| matches!(result, Ok(Changed::To(_)))).count();
    let held = results
        .iter()
        .filter(|result| matches!(result, Ok(Changed::Refused(Refused::Leased { .. }, _))))
        .count();
    assert_eq!((won, held), (1, 7));
}

async fn parts_tenants(store: &(impl MessageStore + TenantIndex), mine: &Tenant, theirs: &Tenant) {
    let message = stored(store, mine, 1, NOON).await;
    let foreign = Key { tenant: theirs.clone(), id: message.id };
    assert_eq!(store.read(&foreign).await.unwrap(), None);
    assert_eq!(store.read_payload(&foreign).await.unwrap(), None);
    assert_eq!(store.read_many(std::slice::from_ref(&foreign)).await.unwrap(), vec![]);
    assert!(store.page(theirs, None, 10).await.unwrap().positions.is_empty());
    let other = Message::accept(submission(theirs, 1), NOON);
    assert_eq!(store.create(&other, &payload("{}")).await.unwrap(), Created::New);
}

async fn lists_newest_first(store: &(impl MessageStore + TenantIndex), tenant: &Tenant) {
    let mut expected = Vec::new();
    for number in 0..7 {
        // Two of a time, so that the id decides too.
        let at = NOON.plus(Duration::from_secs(number / 2));
        let message = stored(store, tenant, u128::from(number), at).await;
        expected.push(Position { created_at: at, id: message.id });
    }
    expected.sort_by_key(|position| std::cmp::Reverse((position.created_at, position.id.to_string())));
    let mut seen = Vec::new();
    loop {
        let page = store.page(tenant, seen.last().copied(), 3).await.unwrap();
        let leads_on = page.positions.last().is_some_and(|last| !seen.contains(last));
        assert!(!page.more || leads_on, "a page must lead on");
        seen.extend(page.positions);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, expected);
}

fn failed(message: &Message) -> Message {
    let event = Event::Finished {
        owner: Owner::from_bits(1),
        outcome: Outcome::Discard { reason: "no such address".to_owned() },
    };
    transition(message, event, NOON).unwrap()
}

async fn revives_what_failed(store: &impl MessageStore, tenant: &Tenant) {
    let first = stored(store, tenant, 1, NOON).await;
    let running = claimed(&first, 1, NOON);
    let failed = failed(&running);
    store.replace(&first, &running).await.unwrap();
    store.replace(&running, &failed).await.unwrap();
    let again = transition(&failed, Event::Redriven { priority: None, deliver_at: NOON }, NOON).unwrap();
    assert_eq!(store.replace(&failed, &again).await.unwrap(), Replaced::Written);
    assert_eq!(store.replace(&failed, &again).await.unwrap(), Replaced::Written);
    let key = Key::of(&first);
    assert_eq!(store.read(&key).await.unwrap(), Some(again));
    assert_eq!(store.read_payload(&key).await.unwrap().unwrap().get(), "{}");
}

async fn knows_states(store: &(impl MessageStore + StateIndex), tenant: &Tenant) {
    let mut waiting = Vec::new();
    for number in 0..5 {
        let at = NOON.plus(Duration::from_secs(number / 2));
        waiting.push(stored(store, tenant, number.into(), at).await);
    }
    let urgent = Submission {
        priority: Priority::Low,
        deliver_at: Some(NOON.plus(Duration::from_secs(600))),
        start_by: Some(NOON.plus(Duration::from_secs(700))),
        submitter: "somebody".parse().ok(),
        ..submission(tenant, 9)
    };
    let urgent = Message::accept(urgent, NOON);
    store.create(&urgent, &payload("{}")).await.unwrap();
    waiting.push(urgent.clone());
    assert_eq!(all_in(store, tenant, State::Accepted).await, standings(&waiting));

    let moved = waiting.remove(0);
    let running = claimed(&moved, 1, NOON);
    store.replace(&moved, &running).await.unwrap();
    assert_eq!(all_in(store, tenant, State::Accepted).await, standings(&waiting));
    assert_eq!(all_in(store, tenant, State::Processing).await, standings(std::slice::from_ref(&running)));
    let failed = failed(&running);
    store.replace(&running, &failed).await.unwrap();
    assert_eq!(all_in(store, tenant, State::Processing).await, []);
    assert_eq!(all_in(store, tenant, State::Failed).await, standings(&[failed]));

    let cancelled = transition(&urgent, Event::Cancelled, NOON).unwrap();
    store.replace(&urgent, &cancelled).await.unwrap();
    assert_eq!(store.read(&Key::of(&urgent)).await.unwrap(), Some(cancelled));
    for state in [State::Queued, State::Retrying, State::Completed, State::Cancelled, State::Expired] {
        assert_eq!(all_in(store, tenant, state).await, [], "{state}");
    }
}

/// As the index must give them.
fn standings(messages: &[Message]) -> Vec<Standing> {
    let mut standings: Vec<_> = messages
        .iter()
        .map(|message| Standing {
            position: Position { created_at: message.created_at, id: message.id },
            priority: message.priority,
            deliver_at: message.deliver_at,
        })
        .collect();
    standings.sort_by_key(|standing| {
        std::cmp::Reverse((standing.position.created_at, standing.position.id.to_string()))
    });
    standings
}

async fn all_in(store: &impl StateIndex, tenant: &Tenant, state: State) -> Vec<Standing> {
    let mut seen: Vec<Standing> = Vec::new();
    loop {
        let after = seen.last().map(|last| last.position);
        let page = store.in_state(tenant, state, after, 2).await.unwrap();
        let leads_on = page.standings.last().is_some_and(|last| !seen.contains(last));
        assert!(!page.more || leads_on, "a page must lead on");
        seen.extend(page.standings);
        if !page.more {
            return seen;
        }
    }
}

async fn finds_what_is_due(store: &(impl MessageStore + DueIndex), tenant: &Tenant) {
    for number in 0..10 {
        stored(store, tenant, number, NOON).await;
    }
    let ended = stored(store, tenant, 10, NOON).await;
    let running = claimed(&ended, 1, NOON);
    store.replace(&ended, &running).await.unwrap();
    store.replace(&running, &completed(&running, 1, NOON)).await.unwrap();
    let due_at = Message::accept(submission(tenant, 0), NOON).due_at.unwrap();

    assert_eq!(all_due(store, tenant, due_at.minus(Duration::from_millis(1))).await, 0);
    assert_eq!(all_due(store, tenant, due_at).await, 10);
}

async fn all_due(store: &impl DueIndex, tenant: &Tenant, now: Timestamp) -> usize {
    let mut keys = Vec::new();
    for shard in 0..DUE_SHARDS {
        let mut after = None;
        loop {
            let page = store.due(shard, now, after.clone()).await.unwrap();
            assert!(page.next.is_none() || page.next != after, "a page must lead on");
            keys.extend(page.keys.into_iter().filter(|key| key.tenant == *tenant));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let found = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), found, "nothing may come twice");
    found
}

/// The index knows no tenant, so these messages have a time of their own.
async fn tells_what_is_unfinished(store: &(impl MessageStore + Backlog), tenant: &Tenant) {
    let early = Timestamp::from_millis(1_000);
    let mut expected = Vec::new();
    for number in 0..8 {
        let priority = Priority::ALL[number % 3];
        let submission = Submission { priority, ..submission(tenant, number as u128) };
        let message = Message::accept(submission, early.plus(Duration::from_millis(number as u64)));
        store.create(&message, &payload("{}")).await.unwrap();
        expected.push(message);
    }
    for number in [0, 1] {
        let running = claimed(&expected[number], 1, early);
        store.replace(&expected[number], &running).await.unwrap();
        expected[number] = running;
    }
    let ended = expected.remove(0);
    store.replace(&ended, &completed(&ended, 1, early)).await.unwrap();
    let before = expected.iter().filter_map(|message| message.due_at).max().unwrap();
    let expected = |before: Timestamp| {
        let all = expected.iter().map(|message| Unfinished {
            priority: message.priority,
            state: message.state,
            deliver_at: message.deliver_at,
            due_at: message.due_at.unwrap(),
        });
        let mut due: Vec<_> = all.filter(|message| message.due_at <= before).collect();
        due.sort_by_key(|message| message.due_at);
        due
    };
    assert_eq!(expected(before).len(), 7);
    for before in [before, before.minus(Duration::from_millis(1))] {
        assert_eq!(all_unfinished(store, before).await, expected(before));
    }
}

async fn all_unfinished(store: &impl Backlog, before: Timestamp) -> Vec<Unfinished> {
    let mut messages = Vec::new();
    for shard in 0..DUE_SHARDS {
        let mut after = None;
        loop {
            let page = store.unfinished(shard, before, after.clone()).await.unwrap();
            assert!(page.next.is_none() || page.next != after, "a page must lead on");
            assert!(page.messages.is_sorted_by_key(|message| message.due_at));
            messages.extend(page.messages);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    messages.sort_by_key(|message| message.due_at);
    messages
}
