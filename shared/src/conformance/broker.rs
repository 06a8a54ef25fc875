use super::{NOON, payload, submission, tenant};
use crate::{
    envelope::Envelope,
    ports::{Broker, Parcel},
};
use expedite_domain::{Message, Priority, Submission};
use std::time::Duration;

/// How many parcels are sent together: more than one connection of an adapter carries.
const MANY: usize = 40;

/// Runs the suite. `name` makes the tenants its own. What is sent names messages that are in no table.
pub async fn broker(broker: impl Broker, name: &str) {
    let parcel = |(number, priority)| {
        let submission = Submission { priority, ..submission(&tenant(&format!("{name}-sent")), number) };
        let envelope = Envelope::of(&Message::accept(submission, NOON), payload(r#"{"n":1.10}"#));
        Parcel { envelope, delay: Duration::from_millis(if number % 4 == 0 { 100 } else { 0 }) }
    };
    let parcels = (1..).zip(Priority::ALL.into_iter().cycle());
    let one = parcel((0, Priority::Low));
    broker.send(&one.envelope, one.delay).await.unwrap();
    assert!(broker.send_all(&[]).await.is_empty(), "nothing was sent, so nothing is answered");
    assert!(broker.send_all(&[one]).await.iter().all(Result::is_ok), "the same once more");
    let many: Vec<_> = parcels.take(MANY).map(parcel).collect();
    let answers = broker.send_all(&many).await;
    assert_eq!(answers.len(), many.len(), "one answer for each");
    for (answer, parcel) in answers.iter().zip(&many) {
        assert!(answer.is_ok(), "{answer:?} for {parcel:?}");
    }
}
