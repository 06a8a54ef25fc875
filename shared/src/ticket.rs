//! Tickets: a browser can't set headers on a WebSocket, so it brings a single-use ticket that it got over HTTP.

use crate::ports::{Entropy, TicketHash};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long a ticket can be redeemed: enough to open a socket, too short to be worth stealing.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(30);

/// A new ticket: 256 random bits as URL-safe base64, fit for a query parameter and for a subprotocol.
pub fn draw(entropy: &impl Entropy) -> String {
    let bytes = [entropy.bits().to_be_bytes(), entropy.bits().to_be_bytes()].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a ticket: whoever reads the table can't redeem it.
pub fn hash(ticket: &str) -> TicketHash {
    Sha256::digest(ticket.as_bytes()).into()
}
