use super::{NOON, tenant};
use crate::{
    ports::{Connection, ConnectionId, Connections, Subscribers, Tickets},
    ticket::hash,
};
use expedite_domain::{Tenant, Topic};
use futures_util::future::join_all;
use std::time::Duration;

/// Runs the suite. `run` makes names unlike those of other runs over the same table.
///
/// # Panics
/// The implementation does not do what the port says.
pub async fn connections(store: &(impl Connections + Subscribers + Tickets), run: &str) {
    redeems_a_ticket_once(store, run).await;
    refuses_an_expired_ticket(store, run).await;
    subscribes_and_forgets(store, run).await;
    parts_tenants(store, run).await;
    pages_subscribers(store, run).await;
}

async fn redeems_a_ticket_once(store: &impl Tickets, run: &str) {
    let (ticket, owner) = (hash(&format!("once-{run}")), tenant(&format!("once-{run}")));
    assert_eq!(store.redeem(&ticket, NOON).await.unwrap(), None, "an unknown one");
    store.issue(&ticket, &owner, NOON.plus(Duration::from_secs(30))).await.unwrap();
    let redeemed: Vec<_> = join_all((0..8).map(|_| store.redeem(&ticket, NOON)))
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(redeemed, vec![owner], "one of eight at once");
}

async fn refuses_an_expired_ticket(store: &impl Tickets, run: &str) {
    let (ticket, owner) = (hash(&format!("expired-{run}")), tenant(&format!("expired-{run}")));
    let expires_at = NOON.plus(Duration::from_secs(30));
    store.issue(&ticket, &owner, expires_at).await.unwrap();
    assert_eq!(store.redeem(&ticket, expires_at).await.unwrap(), None);
    assert_eq!(store.redeem(&ticket, expires_at.minus(Duration::from_millis(1))).await.unwrap(), Some(owner));
}

fn connection(name: String, owner: &Tenant) -> Connection {
    let expires_at = NOON.plus(Duration::from_secs(7200));
    Connection { id: ConnectionId(name), tenant: owner.clone(), topics: Vec::new(), expires_at }
}

async fn subscribers(store: &impl Subscribers, owner: &Tenant, topic: &Topic) -> Vec<ConnectionId> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = store.page(owner, topic, after.clone()).await.unwrap();
        assert!(page.next.is_none() || page.next != after, "a page must lead on");
        all.extend(page.connections);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn subscribes_and_forgets(store: &(impl Connections + Subscribers), run: &str) {
    let owner = tenant(&format!("forgets-{run}"));
    let mut open = connection(format!("forgets-{run}"), &owner);
    let topics = [Topic::All, Topic::Type("demo".parse().unwrap())];
    assert!(!store.subscribe(&open, &topics).await.unwrap(), "not before it is open");
    assert_eq!(subscribers(store, &owner, &Topic::All).await, vec![]);
    store.open(&open).await.unwrap();
    assert_eq!(store.find(&open.id).await.unwrap().as_ref(), Some(&open));
    for _ in 0..2 {
        assert!(store.subscribe(&open, &topics).await.unwrap());
    }
    open.topics = topics.to_vec();
    let mut found = store.find(&open.id).await.unwrap().unwrap();
    found.topics.sort();
    assert_eq!(found, open);
    assert_eq!(subscribers(store, &owner, &topics[1]).await, vec![open.id.clone()]);

    store.unsubscribe(&open, &topics[..1]).await.unwrap();
    assert_eq!(subscribers(store, &owner, &Topic::All).await, vec![]);
    assert_eq!(store.find(&open.id).await.unwrap().unwrap().topics, topics[1..]);
    store.close(&open.id).await.unwrap();
    assert_eq!(store.find(&open.id).await.unwrap(), None);
    assert_eq!(subscribers(store, &owner, &topics[1]).await, vec![]);
    store.close(&open.id).await.unwrap();
}

async fn parts_tenants(store: &(impl Connections + Subscribers), run: &str) {
    let (mine, theirs) = (tenant(&format!("mine-{run}")), tenant(&format!("theirs-{run}")));
    let open = connection(format!("mine-{run}"), &mine);
    store.open(&open).await.unwrap();
    store.subscribe(&open, &[Topic::All]).await.unwrap();
    assert_eq!(subscribers(store, &mine, &Topic::All).await, vec![open.id]);
    assert_eq!(subscribers(store, &theirs, &Topic::All).await, vec![]);
}

async fn pages_subscribers(store: &(impl Connections + Subscribers), run: &str) {
    let owner = tenant(&format!("pages-{run}"));
    let mut expected = Vec::new();
    for number in 0..8 {
        let open = connection(format!("pages-{run}-{number}"), &owner);
        store.open(&open).await.unwrap();
        store.subscribe(&open, &[Topic::All]).await.unwrap();
        expected.push(open.id);
    }
    assert_eq!(subscribers(store, &owner, &Topic::All).await, expected);
}
