//! What the embedded DynamoDB never does: it throttles nothing, and leaves no part of a batch read undone.

use crate::stand_in::{Reply, sdk, serve};
use expedite::{
    adapters::dynamodb::MessagesTable,
    conformance::{NOON, payload, submission, tenant},
    domain::Message,
    ports::{Created, Key, MessageStore, StoreError},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

fn key(number: u128) -> Key {
    let submission = submission(&tenant("acme"), number);
    Key { tenant: submission.tenant, id: submission.id }
}

/// What names a message in the table.
fn named(key: &Key) -> Value {
    json!({"pk": {"S": format!("acme#{}", key.id)}, "sk": {"S": "message"}})
}

/// Answers with nothing found and these keys left undone, and says which keys were asked for.
async fn leave(listener: &TcpListener, undone: &[Value]) -> Value {
    let undone = if undone.is_empty() { json!({}) } else { json!({"messages": {"Keys": undone}}) };
    let answer = json!({"Responses": {"messages": []}, "UnprocessedKeys": undone}).to_string();
    let call = serve(listener, Reply::Answer(200, "", answer.leak())).await;
    call.body["RequestItems"]["messages"]["Keys"].clone()
}

async fn table() -> (MessagesTable, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (MessagesTable::new(&sdk(&listener), "messages".to_owned(), 1), listener)
}

#[tokio::test]
async fn what_a_throttled_read_left_undone_is_read_again_and_nothing_else() {
    let (table, listener) = table().await;
    let keys = [key(1), key(2)];
    let mut asked = Vec::new();
    let answers = async {
        asked.push(leave(&listener, &[named(&keys[1])]).await);
        asked.push(leave(&listener, &[]).await);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        read = table.read_many(&keys) => assert_eq!(read.unwrap().len(), 0),
        () = answers => unreachable!(),
    }
    assert_eq!(asked, [json!([named(&keys[0]), named(&keys[1])]), json!([named(&keys[1])])]);
}

#[tokio::test]
async fn a_read_that_stays_throttled_is_an_error_that_passes() {
    let (table, listener) = table().await;
    let key = key(1);
    let throttled = async {
        loop {
            leave(&listener, &[named(&key)]).await;
        }
    };
    tokio::select! {
        read = table.read_many(std::slice::from_ref(&key)) => {
            assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
        }
        () = throttled => unreachable!(),
    }
}

#[tokio::test]
async fn a_table_that_is_throttled_for_a_moment_is_asked_again() {
    const THROTTLED: &str = "x-amzn-errortype: ProvisionedThroughputExceededException\r\n";
    for (times, is_read) in [(5, true), (6, false)] {
        let (table, listener) = table().await;
        let key = key(1);
        let throttled = async {
            for _ in 0..times {
                serve(&listener, Reply::Answer(400, THROTTLED, "{}")).await;
            }
            serve(&listener, Reply::Answer(200, "", "{}")).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            read = table.read(&key) => match read {
                Ok(found) => assert_eq!((found, is_read), (None, true), "{times} times"),
                Err(error) => assert!(!is_read && matches!(error, StoreError::Unavailable(_)), "{error}"),
            },
            () = throttled => unreachable!(),
        }
    }
}

/// A transaction tells of throttling, and of another one at the same items, by being cancelled.
#[tokio::test]
async fn a_transaction_is_tried_again_by_what_it_was_cancelled_for() {
    for (reasons, tries) in [
        (["None", "ThrottlingError"], 2),
        (["TransactionConflict", "None"], 2),
        (["ProvisionedThroughputExceeded", "None"], 2),
        (["ConditionalCheckFailed", "None"], 1),
        (["ThrottlingError", "ConditionalCheckFailed"], 1),
        (["ValidationError", "None"], 1),
    ] {
        let (table, listener) = table().await;
        let message = Message::accept(submission(&tenant("acme"), 1), NOON);
        let payload = payload("1");
        let mut tokens = Vec::new();
        let answers = async {
            tokens.push(cancel(&listener, reasons).await);
            tokens.push(
                serve(&listener, Reply::Answer(200, "", "{}")).await.body["ClientRequestToken"].clone(),
            );
            std::future::pending::<()>().await;
        };
        let created = tokio::select! {
            created = table.create(&message, &payload) => created,
            () = answers => unreachable!(),
        };
        assert_eq!((tokens.len(), matches!(created, Ok(Created::New))), (tries, tries == 2), "{reasons:?}");
        assert!(tokens.iter().all(|token| token.is_string() && *token == tokens[0]), "{tokens:?}");
    }
}

/// Answers that the transaction was cancelled, and gives its token.
async fn cancel(listener: &TcpListener, reasons: [&str; 2]) -> Value {
    const CANCELLED: &str = "x-amzn-errortype: TransactionCanceledException\r\n";
    let reasons = reasons.map(|code| json!({"Code": code}));
    let answer = json!({"CancellationReasons": reasons}).to_string();
    serve(listener, Reply::Answer(400, CANCELLED, answer.leak())).await.body["ClientRequestToken"].clone()
}
