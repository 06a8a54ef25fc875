//! A subscriber on the WebSocket API.

use crate::{Result, http::Caller};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{collections::HashMap, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, handshake::client::Response},
};

/// How long an answer or a push may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open socket, and the newest update that it has of each message.
pub struct Subscriber {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The subprotocol that the server chose.
    pub subprotocol: Option<String>,
    /// By id.
    pub newest: HashMap<String, Value>,
}

impl Subscriber {
    /// Opens a socket with these headers, without more.
    ///
    /// # Errors
    /// It is refused; the text holds the status code.
    pub async fn connect(url: &str, headers: &[(&'static str, &str)]) -> Result<Self> {
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse()?);
        }
        let (stream, response): (_, Response) = connect_async(request).await?;
        let subprotocol = response.headers().get("sec-websocket-protocol");
        let subprotocol = subprotocol.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Self { stream, subprotocol, newest: HashMap::new() })
    }

    /// Opens a socket for the caller's tenant and subscribes to these topics.
    ///
    /// # Errors
    /// It is refused.
    pub async fn open(url: &str, caller: &Caller, topics: &[&str]) -> Result<Self> {
        let protocols = format!("expedite.v1, ticket.{}", caller.ticket().await?);
        let mut subscriber = Self::connect(url, &[("sec-websocket-protocol", &protocols)]).await?;
        let answer = subscriber.ask(&json!({"action": "subscribe", "topics": topics})).await?;
        if answer["kind"] == "subscribed" { Ok(subscriber) } else { Err(format!("{answer}").into()) }
    }

    /// Sends a message and returns its answer. Updates that come in between are kept.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(&mut self, message: &Value) -> Result<Value> {
        self.ask_text(&message.to_string()).await
    }

    /// The same for any text.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask_text(&mut self, text: &str) -> Result<Value> {
        self.stream.send(Message::text(text)).await?;
        loop {
            let frame = self.frame(PATIENCE).await?.ok_or("no answer")?;
            if frame["kind"] != "updates" {
                return Ok(frame);
            }
        }
    }

    /// The next frame, or none within `limit`. Updates are kept.
    ///
    /// # Errors
    /// The socket is closed, or the frame is no JSON.
    pub async fn frame(&mut self, limit: Duration) -> Result<Option<Value>> {
        loop {
            let Ok(next) = timeout(limit, self.stream.next()).await else {
                return Ok(None);
            };
            let message = next.ok_or("the socket is closed")??;
            if let Message::Text(text) = message {
                let frame: Value = serde_json::from_str(text.as_str())?;
                self.keep(&frame);
                return Ok(Some(frame));
            }
        }
    }

    fn keep(&mut self, frame: &Value) {
        for update in frame["updates"].as_array().into_iter().flatten() {
            self.apply(update);
        }
    }

    /// Keeps an update, or a message from a snapshot, if it is newer than what is known.
    pub fn apply(&mut self, update: &Value) {
        let id = update["id"].as_str().unwrap_or_default();
        let known = self.newest.get(id).and_then(|known| known["version"].as_u64()).unwrap_or_default();
        if update["version"].as_u64().is_some_and(|version| version > known) {
            self.newest.insert(id.to_owned(), update.clone());
        }
    }

    /// Reads updates until a message is in one of these states, and returns it.
    ///
    /// # Errors
    /// It is not after some seconds without a frame.
    pub async fn wait_for(&mut self, id: &str, states: &[&str]) -> Result<Value> {
        loop {
            if let Some(update) = self.newest.get(id)
                && states.iter().any(|state| update["state"] == *state)
            {
                return Ok(update.clone());
            }
            if self.frame(PATIENCE).await?.is_none() {
                return Err(format!("{id} is not {states:?}: {:?}", self.newest.get(id)).into());
            }
        }
    }

    /// Closes the socket.
    ///
    /// # Errors
    /// It is closed already.
    pub async fn close(mut self) -> Result<()> {
        Ok(self.stream.close(None).await?)
    }
}
