use super::{config, mangle, run};
use crate::{
    amqp::{CAPTURED, bytes},
    events::event,
    process::{Rig, medium},
};
use expedite::{adapters::amqp::text_of, domain::State};
use process::BatchError;
use proptest::prelude::*;
use serde_json::{Value, json};

fn events() -> Vec<Value> {
    ["mq/native", "mq/text", "mq/variants", "mq/broken-beside-good", "mq/documentation"].map(event).to_vec()
}

/// Runs a batch of which one message is known and good; it must complete.
fn beside_good(messages: impl IntoIterator<Item = Value>) -> Result<(), TestCaseError> {
    let rig = Rig::done();
    let mut batch = medium([1]);
    rig.seed(&batch);
    batch["messages"].as_array_mut().unwrap().extend(messages);
    let report = run(rig.run(batch));
    prop_assert!(report.is_ok(), "{report:?}");
    prop_assert_eq!(run(rig.message(1)).state, State::Completed);
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_broken_message_harms_no_neighbour(event in mangle::json(events())) {
        let messages = event["messages"].as_array().cloned().unwrap_or_default();
        beside_good(messages)?;
        match run(Rig::done().run(event)) {
            Ok(_) | Err(BatchError::NotABatch(_)) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn broken_data_harms_no_neighbour(
        data in mangle::text(&[
            "AFNwwAQCQVAJAFNzwC8HoQRmaXgwQECh",
            "eyJ2IjoxLCJpZCI6IjAxMjM0NTY3LTg5YWItOGRlZi04MTIzLTQ1Njc4OWFiY2RlZiJ9",
        ]),
    ) {
        beside_good([json!({"messageID": "ID:x", "data": data})])?;
    }

    /// A length that the bytes claim is not believed: nothing of that size is reserved.
    #[test]
    fn an_encoded_message_is_a_text_or_an_error(
        encoded in mangle::bytes(vec![
            bytes(CAPTURED),
            bytes("005377a1026f6b"),
            bytes("005375a0026f6b"),
            bytes("005376c00301540a"),
            bytes("005377d10000000800000002a10161a10162"),
            bytes("005377f0000000060000000254000154"),
        ]),
    ) {
        let _ = text_of(&encoded);
    }
}
