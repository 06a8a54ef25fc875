//! The caller's JSON, which Expedite carries and never changes.

use serde_json::value::RawValue;

/// The largest payload: 64 KiB of JSON text. The broker, the stream and a batch of the mapping (6 MB) have room for it.
pub const PAYLOAD_LIMIT: usize = 64 * 1024;

/// Any JSON value, kept to the letter: numbers of any precision and the order of keys survive.
#[derive(Clone, Debug)]
pub struct Payload(Box<RawValue>);

/// Why a JSON text can't be a payload; a sentence that can follow the name of the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

impl Payload {
    /// Takes JSON that a parser has already passed over.
    ///
    /// # Errors
    /// Refuses what readers downstream would choke on: more than [`PAYLOAD_LIMIT`] bytes, nesting deeper than 127
    /// levels, numbers beyond the range of a double.
    pub fn new(json: Box<RawValue>) -> Result<Self, Unfit> {
        if json.get().len() > PAYLOAD_LIMIT {
            return Err(Unfit(format!("must not be larger than {PAYLOAD_LIMIT} bytes")));
        }
        // RawValue skips over its text without looking at depth or range; building the value looks at both.
        serde_json::from_str::<serde_json::Value>(json.get())
            .map_err(|error| Unfit(format!("must be JSON that others can read: {error}")))?;
        Ok(Self(json))
    }

    /// JSON text as a store kept it.
    ///
    /// # Errors
    /// The text is no JSON.
    pub fn restore(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The JSON text, to be put into a larger one as it is.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Payload {}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &str) -> Result<Payload, Unfit> {
        Payload::new(RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn keeps_the_letter() {
        for text in ["null", r#"{"b":1,"a":123456789012345678901234567890.10}"#, r#""\u00e4""#, "[ 1 ]"] {
            assert_eq!(payload(text).unwrap().get(), text);
        }
    }

    #[test]
    fn refuses_what_others_choke_on() {
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        let large = format!("\"{}\"", "x".repeat(PAYLOAD_LIMIT));
        for (text, word) in [(deep.as_str(), "recursion"), ("1e999", "range"), (&large, "larger")] {
            let error = payload(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let just_fits = format!("\"{}\"", "x".repeat(PAYLOAD_LIMIT - 2));
        assert!(payload(&just_fits).is_ok());
    }
}
