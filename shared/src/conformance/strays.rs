use super::NOON;
use crate::ports::{Stray, Strays};
use std::time::Duration;

/// Runs the suite over a store that has kept none yet. `kept` reads all that are kept, by their names.
///
/// # Panics
/// The implementation does not do what the port says.
pub async fn strays(store: &impl Strays, kept: impl AsyncFn() -> Vec<Stray>) {
    let first = stray("ID:broker-1:1", "bm90IGFuIGVudmVsb3Bl");
    store.keep(&first).await.unwrap();
    assert_eq!(kept().await, std::slice::from_ref(&first));

    let again = Stray { found_at: NOON.plus(Duration::from_secs(60)), ..first.clone() };
    store.keep(&again).await.unwrap();
    assert_eq!(
        kept().await,
        std::slice::from_ref(&first),
        "a batch that is delivered again keeps nothing twice"
    );

    let others = [
        Stray { broker_id: "ID:broker-1:2".to_owned(), ..first.clone() },
        Stray { data: "/wA=".to_owned(), given_up: None, ..first.clone() },
        Stray { queued_at: NOON.minus(Duration::from_millis(1)), ..first.clone() },
    ];
    // Larger than an item, and with characters of several bytes, one of which stands where it would be cut.
    let large = stray("ID:broker-1:3", &format!("x{}", "ü".repeat(400_000)));
    let mut expected = vec![first, large];
    expected.extend(others);
    for stray in &expected {
        store.keep(stray).await.unwrap();
        store.keep(stray).await.unwrap();
    }
    expected.sort_by_key(Stray::name);
    assert_eq!(expected[0].queued_at, NOON.minus(Duration::from_millis(1)), "names sort as time does");
    assert_eq!(kept().await, expected);
}

fn stray(broker_id: &str, data: &str) -> Stray {
    Stray {
        broker_id: broker_id.to_owned(),
        queue: "DLQ.standard".to_owned(),
        queued_at: NOON,
        found_at: NOON.plus(Duration::from_millis(1_500)),
        reason: "the text is not UTF-8".to_owned(),
        given_up: Some("java.lang.Throwable: Delivery[7] exceeds redelivery policy limit".to_owned()),
        data: data.to_owned(),
    }
}
