use expedite::domain::{Invalid, MessageId, Tenant};
use lambda_http::Request;
use sha2::{Digest, Sha256};
use std::str::FromStr;

/// The header that brings a key.
pub const KEY_HEADER: &str = "Idempotency-Key";

/// A caller's name for a request, or for one message of a batch: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

const NO_KEY: Invalid = Invalid("must be 1 to 255 printable ASCII characters");

impl FromStr for IdempotencyKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if (1..=255).contains(&text.len()) && text.bytes().all(printable) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NO_KEY)
        }
    }
}

impl IdempotencyKey {
    /// The request's key, where it has one.
    pub fn of(request: &Request) -> Option<Result<Self, Invalid>> {
        let header = request.headers().get(KEY_HEADER)?;
        Some(header.to_str().map_err(|_| NO_KEY).and_then(str::parse))
    }

    /// Of one tenant and key always the same id, so that one conditional put is the whole idempotency.
    pub fn id(&self, tenant: &Tenant) -> MessageId {
        derived(tenant, self.0.as_bytes())
    }

    /// The same for a message of a batch that the key names. No key has the byte that parts it from the message's index,
    /// so no other key gives the same id.
    pub fn id_at(&self, index: usize, tenant: &Tenant) -> MessageId {
        derived(tenant, format!("{}\0{index}", self.0).as_bytes())
    }
}

/// The length parts the tenant from the rest, so that no other pair reads the same.
fn derived(tenant: &Tenant, rest: &[u8]) -> MessageId {
    let mut hash = Sha256::new();
    hash.update((tenant.as_str().len() as u64).to_be_bytes());
    hash.update(tenant.as_str());
    hash.update(rest);
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_at(16);
    MessageId::from_bits(first.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte)))
}
