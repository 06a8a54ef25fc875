//! The sender to the broker, against a broker's side of AMQP that takes messages and confirms none.

use crate::stand_in::{Reply, sdk, serve};
use expedite::{
    adapters::{
        amqp::{AmqpBroker, ExpressLane, Trust},
        secret::BrokerSecret,
    },
    conformance::{NOON, payload, submission, tenant},
    domain::{Message, Priority, Submission},
    envelope::Envelope,
    ports::{Broker, SEND_LIMIT, SendError},
};
use fe2o3_amqp::{
    acceptor::{
        ConnectionAcceptor, LinkAcceptor, LinkEndpoint, ListenerConnectionHandle, ListenerSessionHandle,
        SaslPlainMechanism, SessionAcceptor,
    },
    link::Receiver,
    types::{
        messaging::{AmqpValue, Message as AmqpMessage, annotations::OwnedKey},
        primitives::Value,
    },
};
use futures_util::FutureExt;
use std::time::Duration;
use tokio::{
    net::TcpListener,
    time::{Instant, advance, pause, resume, timeout},
};

const SECRET: &str = r#"{"SecretString":"{\"username\":\"producer\",\"password\":\"secret\"}"}"#;

/// A sender with the password that the stand-in for Secrets Manager gives it, and the socket of its broker.
async fn sender() -> (AmqpBroker, TcpListener) {
    let broker = listener().await;
    (sender_to([&broker]).await, broker)
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A sender to a broker with so many instances, of which one should be alive.
async fn sender_to<const N: usize>(instances: [&TcpListener; N]) -> AmqpBroker {
    let secrets = listener().await;
    let endpoints = instances.map(|instance| format!("amqp://{}", instance.local_addr().unwrap()));
    let secret = BrokerSecret::new(&sdk(&secrets), "arn".to_owned());
    tokio::spawn(async move {
        loop {
            serve(&secrets, Reply::Answer(200, "", SECRET)).await;
        }
    });
    AmqpBroker::new(&endpoints, secret, Trust::native().unwrap(), ExpressLane::On).unwrap()
}

fn envelope() -> Envelope {
    let submission = Submission { priority: Priority::High, ..submission(&tenant("acme"), 1) };
    Envelope::of(&Message::accept(submission, NOON), payload("{}"))
}

/// The broker's side of a connection, up to a link.
async fn accept(listener: &TcpListener) -> (ListenerConnectionHandle, ListenerSessionHandle, Receiver) {
    let (socket, _) = listener.accept().await.unwrap();
    let acceptor = ConnectionAcceptor::builder()
        .container_id("broker")
        .sasl_acceptor(SaslPlainMechanism::new("producer", "secret"))
        .build();
    let mut connection = acceptor.accept(socket).await.unwrap();
    let mut session = SessionAcceptor::new().accept(&mut connection).await.unwrap();
    let link = LinkAcceptor::new().accept(&mut session).await.unwrap();
    let LinkEndpoint::Receiver(receiver) = link else { panic!("a sender attached") };
    (connection, session, receiver)
}

/// What a broker needs to keep a message and to deliver it in its order and time.
#[tokio::test]
async fn a_message_is_durable_and_carries_its_priority_and_its_delay() {
    let (sender, listener) = sender().await;
    let envelope = envelope();
    let broker = async {
        let (_connection, _session, mut receiver) = accept(&listener).await;
        let delivery = receiver.recv::<AmqpValue<String>>().await.unwrap();
        receiver.accept(&delivery).await.unwrap();
        delivery.into_message()
    };
    tokio::pin!(broker);
    let (sent, message) = tokio::join!(sender.send(&envelope, Duration::from_millis(1500)), broker);
    sent.unwrap();
    let message: AmqpMessage<AmqpValue<String>> = message;
    let header = message.header.unwrap();
    assert!(header.durable, "a broker forgets what is not");
    assert_eq!((header.priority.0, header.ttl), (9, None));
    let delay = OwnedKey::from("x-opt-delivery-delay");
    assert_eq!(message.message_annotations.unwrap().0.get(&delay), Some(&Value::Long(1500)));
    assert_eq!(message.body.0, envelope.to_json().unwrap());
}

/// The AMQP client would wait for ever: on a connection that has died unseen an outcome never comes.
#[tokio::test]
async fn a_confirmation_that_does_not_come_is_not_waited_for() {
    let (sender, listener) = sender().await;
    let broker = async {
        let (_connection, _session, mut receiver) = accept(&listener).await;
        let _delivery = receiver.recv::<AmqpValue<String>>().await.unwrap();
        // From here on nothing happens any more, and time runs on by itself.
        pause();
        std::future::pending::<()>().await;
    };
    let envelope = envelope();
    let sent = timeout(2 * SEND_LIMIT, sender.send(&envelope, Duration::ZERO));
    tokio::select! {
        sent = sent => {
            let sent = sent.expect("it ends within its limit");
            assert!(matches!(sent, Err(SendError::Unavailable(_))), "{sent:?}");
        }
        () = broker => unreachable!(),
    }
}

/// Takes one message on a new connection, which ends with it.
async fn take_one(listener: &TcpListener) {
    let (_connection, _session, mut receiver) = accept(listener).await;
    let delivery = receiver.recv::<AmqpValue<String>>().await.unwrap();
    receiver.accept(&delivery).await.unwrap();
    receiver.close().await.unwrap();
}

/// Of an active and a standby broker only one listens.
#[tokio::test]
async fn a_standby_that_refuses_is_passed_over() {
    let (standby, active) = (listener().await, listener().await);
    let sender = sender_to([&standby, &active]).await;
    drop(standby);
    let envelope = envelope();
    let send = async || sender.send(&envelope, Duration::ZERO).await.unwrap();
    tokio::join!(send(), take_one(&active));
}

/// A host that is gone lets its caller wait. The other one has to be tried within the same try, and is tried first from then
/// on.
#[tokio::test]
async fn an_instance_that_says_nothing_is_passed_over_once() {
    let (gone, active) = (listener().await, listener().await);
    let sender = sender_to([&gone, &active]).await;
    let envelope = envelope();
    let silence = async {
        let _held = gone.accept().await.unwrap();
        pause();
        advance(SEND_LIMIT / 4 + Duration::from_millis(1)).await;
        resume();
        std::future::pending::<()>().await;
    };
    let send = async || sender.send(&envelope, Duration::ZERO).await.unwrap();
    tokio::select! {
        _ = async { tokio::join!(send(), take_one(&active)) } => (),
        () = silence => unreachable!(),
    }
    tokio::join!(send(), take_one(&active));
    assert!(gone.accept().now_or_never().is_none(), "it is not asked again while the other one is alive");
}

/// A try's time is not for connecting alone: who can't connect says so, before the try's own limit can cut in.
#[tokio::test]
async fn an_only_endpoint_that_says_nothing_is_named_well_within_the_limit() {
    let gone = listener().await;
    let sender = sender_to([&gone]).await;
    let envelope = envelope();
    let silence = async {
        let _first = gone.accept().await.unwrap();
        // From here on nothing happens any more, and time runs on by itself.
        pause();
        let _second = gone.accept().await.unwrap();
        std::future::pending::<()>().await;
    };
    let started = Instant::now();
    tokio::select! {
        sent = sender.send(&envelope, Duration::ZERO) => {
            let named = |text: &str| text.contains("does not answer");
            assert!(matches!(&sent, Err(SendError::Unavailable(text)) if named(text)), "{sent:?}");
        }
        () = silence => unreachable!(),
    }
    assert!(started.elapsed() < SEND_LIMIT * 3 / 4, "{:?}", started.elapsed());
}

/// The active one's no is the answer, and not that the standby can't be reached.
#[tokio::test]
async fn a_refused_password_is_not_hidden_by_a_standby() {
    let (active, standby) = (listener().await, listener().await);
    let sender = sender_to([&active, &standby]).await;
    drop(standby);
    let envelope = envelope();
    let refusing = async {
        loop {
            let (socket, _) = active.accept().await.unwrap();
            let acceptor = ConnectionAcceptor::builder()
                .container_id("broker")
                .sasl_acceptor(SaslPlainMechanism::new("producer", "another"))
                .build();
            assert!(acceptor.accept(socket).await.is_err());
        }
    };
    tokio::select! {
        sent = sender.send(&envelope, Duration::ZERO) => {
            assert!(matches!(sent, Err(SendError::Refused(_))), "{sent:?}");
        }
        () = refusing => unreachable!(),
    }
}
