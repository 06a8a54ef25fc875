//! What the broker makes of an AMQP message for a consumer that speaks OpenWire: the message as it was encoded. And which
//! of the broker's queues a message takes.

use expedite::{
    adapters::amqp::{ExpressLane, Lane, text_of},
    conformance::{self, NOON, payload, submission, tenant},
    domain::{Message, Priority, Submission},
    envelope::Envelope,
    fakes::FakeBroker,
};

pub fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.bytes().map(|digit| char::from(digit).to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// Taken from an ActiveMQ 5.19.1 with its default transformer: header, properties, application properties, and a text.
pub const CAPTURED: &str = "005370c00402415009005373c02f07a104666978304040a1066a6f622e763140a109636f72722d66697830a310\
                        6170706c69636174696f6e2f6a736f6e005374c12706a1056a6f624964a10466697830a1047072696f5409a106\
                        73656e74417481000001a212de3cb2005377a1077b226e223a307d";

#[test]
fn the_text_is_found_in_every_encoding_of_it() {
    let long = "x".repeat(300);
    let long_text = format!("005377b10000012c{}", "78".repeat(300));
    for (encoded, text) in [
        (CAPTURED, "{\"n\":0}"),
        ("005377a1026f6b", "ok"),
        ("005377b1000000026f6b", "ok"),
        ("00800000000000000077a1026f6b", "ok"),
        (&long_text, &long),
        // Senders in other languages write bytes.
        ("005375a0026f6b", "ok"),
        ("005375a0016f005375a0016b", "ok"),
    ] {
        assert_eq!(text_of(&bytes(encoded)).unwrap(), text, "{encoded}");
    }
}

#[test]
fn anything_else_is_an_error() {
    for (encoded, words) in [
        ("", "no text"),
        ("00", "encoding"),
        ("005370c00402415009", "no text"),
        ("005377a1056f6b", "encoding"),
        ("005377b1ffffffff6f6b", "encoding"),
        ("005377a102fffe", "encoding"),
        ("00537740", "no text"),
        ("00537755ff", "no text"),
        ("005376c00301540a", "no text"),
        ("005375a002fffe", "no text"),
    ] {
        let error = text_of(&bytes(encoded)).unwrap_err().to_string();
        assert!(error.contains(words), "{encoded}: {error}");
    }
}

#[test]
fn high_messages_have_a_lane_of_their_own_unless_it_is_off() {
    for (text, high, others, lanes) in [
        ("on", Lane::Express, Lane::Standard, &Lane::ALL[..]),
        ("off", Lane::Standard, Lane::Standard, &[Lane::Standard]),
    ] {
        let express: ExpressLane = text.parse().unwrap();
        let lane = |priority| {
            let submission = Submission { priority, ..submission(&tenant("acme"), 1) };
            express.lane(&Envelope::of(&Message::accept(submission, NOON), payload("{}")))
        };
        assert_eq!(Priority::ALL.map(lane), [high, others, others], "{text}");
        assert_eq!(express.lanes(), lanes, "{text}");
    }
    for text in ["", "On", "true", "1", " on"] {
        assert!(text.parse::<ExpressLane>().is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn the_brokers_double_conforms() {
    conformance::broker(&FakeBroker::default(), "double").await;
}
