//! A wire to the broker that can be cut: a TCP relay on the loopback interface.
//!
//! It does not understand what it carries, which is encrypted, and goes by counting bytes. It lives in the runtime that it
//! was made in.

use crate::Result;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// Longer than what a TLS record of AMQP frames has around a payload that just fits.
const CHUNK: usize = 32 * 1024;

/// What the wire does to its connections, those that are open included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It carries everything.
    Open,
    /// It carries nothing: whoever connects is sent away.
    Shut,
    /// It carries so many bytes from the client and cuts the connection before the next one.
    CutAfter(usize),
    /// It carries whatever the client sends. Once that was so many bytes without an answer, the answer is lost and the
    /// connection cut, and the wire is [`Shut`](Plan::Shut) from then on.
    LoseAnswer(usize),
}

/// A wire, which goes with this value.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    carrier: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    plan: Mutex<Plan>,
    /// Bytes that clients have sent.
    sent: AtomicUsize,
    /// Connections that the plan has ended.
    cut: AtomicUsize,
    /// Answers that were lost.
    lost: AtomicUsize,
}

/// What a connection's two directions know of each other.
#[derive(Default)]
struct Traffic {
    sent: AtomicUsize,
    unanswered: AtomicUsize,
}

impl Wire {
    /// An open wire to a broker's endpoint, `scheme://host:port`.
    ///
    /// # Errors
    /// The endpoint can't be read, or there is no free port.
    pub async fn to(endpoint: &str) -> Result<Self> {
        let broker = endpoint.rsplit('/').next().unwrap_or_default().to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            plan: Mutex::new(Plan::Open),
            sent: AtomicUsize::new(0),
            cut: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
        });
        let kept = Arc::clone(&shared);
        let carrier = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, broker.clone(), Arc::clone(&kept)));
            }
        });
        Ok(Self { address, shared, carrier })
    }

    /// The endpoint at this end, for a client that speaks AMQP over TLS.
    pub fn endpoint(&self) -> String {
        format!("amqp+ssl://{}", self.address)
    }

    /// Does so from here on.
    pub fn plan(&self, plan: Plan) {
        self.shared.set(plan);
    }

    /// How many bytes clients have sent.
    pub fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// How many connections were cut or sent away.
    pub fn cut(&self) -> usize {
        self.shared.cut.load(Ordering::SeqCst)
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.carrier.abort();
        self.shared.set(Plan::Shut);
    }
}

impl Shared {
    fn plan(&self) -> Plan {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// How many of `next` bytes may follow `before`.
    fn allowed(&self, before: usize, next: usize) -> usize {
        match self.plan() {
            Plan::Open | Plan::LoseAnswer(_) => next,
            Plan::Shut => 0,
            Plan::CutAfter(limit) => limit.saturating_sub(before).min(next),
        }
    }

    /// Whether the answer to so many bytes is to be lost. Only the first one is.
    fn loses(&self, unanswered: usize) -> bool {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let loses = matches!(*plan, Plan::LoseAnswer(size) if unanswered >= size);
        if loses {
            *plan = Plan::Shut;
            self.cut.fetch_add(1, Ordering::SeqCst);
            self.lost.fetch_add(1, Ordering::SeqCst);
        }
        loses
    }
}

/// Carries one connection until either side, or the plan, ends it. Both sockets close with the end.
async fn carry(client: TcpStream, broker: String, shared: Arc<Shared>) {
    if shared.plan() == Plan::Shut {
        shared.cut.fetch_add(1, Ordering::SeqCst);
        return;
    }
    let Ok(broker) = TcpStream::connect(broker).await else { return };
    // Small frames each way: Nagle would hold each back for 40 ms.
    if client.set_nodelay(true).and(broker.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let traffic = Traffic::default();
    tokio::select! {
        () = carry_up(from_client, to_broker, &shared, &traffic) => (),
        () = carry_down(from_broker, to_client, &shared, &traffic) => (),
    }
}

/// Carries what the client sends.
async fn carry_up(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, traffic: &Traffic) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let allowed = shared.allowed(traffic.sent.load(Ordering::SeqCst), read);
        // Counted first: the answer may be quicker than this task.
        traffic.unanswered.fetch_add(allowed, Ordering::SeqCst);
        if to.write_all(&buffer[..allowed]).await.is_err() {
            return;
        }
        traffic.sent.fetch_add(allowed, Ordering::SeqCst);
        shared.sent.fetch_add(allowed, Ordering::SeqCst);
        if allowed < read {
            shared.cut.fetch_add(1, Ordering::SeqCst);
            return;
        }
    }
}

/// Carries what the broker answers.
async fn carry_down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, traffic: &Traffic) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if shared.loses(traffic.unanswered.swap(0, Ordering::SeqCst)) {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wire to somebody who answers each chunk with `!`, and a client of it.
    async fn wired(plan: Plan) -> (Wire, TcpStream, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("amqp+ssl://{}", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.unwrap();
            let (mut heard, mut buffer) = (Vec::new(), [0; 64]);
            while let Ok(read @ 1..) = peer.read(&mut buffer).await {
                heard.extend_from_slice(&buffer[..read]);
                let _ = peer.write_all(b"!").await;
            }
            heard
        });
        let wire = Wire::to(&endpoint).await.unwrap();
        wire.plan(plan);
        let client = TcpStream::connect(wire.address).await.unwrap();
        (wire, client, heard)
    }

    /// Sends a word and gives the length of the answer: 0 is the end.
    async fn ask(client: &mut TcpStream, word: &[u8]) -> usize {
        let _ = client.write_all(word).await;
        client.read(&mut [0; 8]).await.unwrap_or(0)
    }

    #[tokio::test]
    async fn an_open_wire_carries_everything() {
        let (wire, mut client, heard) = wired(Plan::Open).await;
        assert_eq!(ask(&mut client, b"hello").await, 1);
        assert_eq!(ask(&mut client, b"again").await, 1);
        drop(client);
        assert_eq!(heard.await.unwrap(), b"helloagain");
        assert_eq!((wire.sent(), wire.cut(), wire.lost()), (10, 0, 0));
    }

    #[tokio::test]
    async fn it_is_cut_after_so_many_bytes_and_not_one_more() {
        let (wire, mut client, heard) = wired(Plan::CutAfter(7)).await;
        assert_eq!(ask(&mut client, b"hello").await, 1);
        client.write_all(b"again").await.unwrap();
        // A wire that is not cut ends here, so that it is found out and not waited for.
        let _ = client.shutdown().await;
        assert_eq!(heard.await.unwrap(), b"helloag");
        assert_eq!((wire.sent(), wire.cut(), wire.lost()), (7, 1, 0));
    }

    #[tokio::test]
    async fn the_answer_to_something_large_is_lost_and_nobody_is_let_in_after_that() {
        let (wire, mut client, heard) = wired(Plan::LoseAnswer(6)).await;
        assert_eq!(ask(&mut client, b"small").await, 1);
        assert_eq!(ask(&mut client, b"larger").await, 0);
        assert_eq!(heard.await.unwrap(), b"smalllarger", "what it answers to has arrived");
        assert_eq!((wire.cut(), wire.lost()), (1, 1));
        let mut other = TcpStream::connect(wire.address).await.unwrap();
        assert_eq!(ask(&mut other, b"hello").await, 0);
        assert_eq!((wire.cut(), wire.lost()), (2, 1));
    }
}
