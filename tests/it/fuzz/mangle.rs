use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

/// One small damage.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Delete(Index, u8),
    Repeat(Index, u8),
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\u0000",
        "\\ud800",
        "null",
        "true",
        "-1",
        "1e999",
        "0.1",
        "18446744073709551616",
        "\u{feff}",
        "#",
        "..",
        "%00",
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<Index>(), tokens).prop_map(|(at, token)| Edit::Insert(at, token.as_bytes().to_vec())),
        (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Edit::Delete(at, count)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Edit::Repeat(at, count)),
        any::<Index>().prop_map(Edit::Cut),
    ]
}

fn damage(bytes: &mut Vec<u8>, edit: Edit) {
    match edit {
        Edit::Insert(at, new) => {
            let at = at.index(bytes.len() + 1);
            drop(bytes.splice(at..at, new));
        }
        _ if bytes.is_empty() => {}
        Edit::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << (bit % 8);
        }
        Edit::Delete(at, count) => {
            let at = at.index(bytes.len());
            let end = (at + usize::from(count)).min(bytes.len());
            drop(bytes.drain(at..end));
        }
        Edit::Repeat(at, count) => {
            let at = at.index(bytes.len());
            let end = (at + usize::from(count)).min(bytes.len());
            let again = bytes[at..end].to_vec();
            drop(bytes.splice(end..end, again));
        }
        Edit::Cut(at) => bytes.truncate(at.index(bytes.len())),
    }
}

/// One of the seeds, damaged in up to six places.
pub fn bytes(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(seeds), vec(edit(), 0..6)).prop_map(|(mut bytes, edits)| {
        edits.into_iter().for_each(|edit| damage(&mut bytes, edit));
        bytes
    })
}

/// The same, as text.
pub fn text(seeds: &[&str]) -> impl Strategy<Value = String> {
    bytes(seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect())
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["", "null", "message", "relay", "acme#1", "AAAA", "==", "-1"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            ("[a-zA-Z]{1,3}", inner).prop_map(|(name, value)| json!({name: value})),
        ]
    })
}

/// One of the seeds, with up to three of its members or elements gone or replaced by something odd.
pub fn json(seeds: Vec<Value>) -> impl Strategy<Value = Value> {
    let change = (any::<Index>(), prop::option::of(odd_value()));
    (prop::sample::select(seeds), vec(change, 0..3)).prop_map(|(mut value, changes)| {
        for (at, new) in changes {
            let target = at.index(count(&value));
            replace(&mut value, &mut { target }, &new);
        }
        value
    })
}

/// How many values there are within a value, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Changes the value of that number, counted from this one on. True once it is done.
fn replace(value: &mut Value, number: &mut usize, new: &Option<Value>) -> bool {
    if *number == 0 {
        *value = new.clone().unwrap_or_default();
        return true;
    }
    *number -= 1;
    match value {
        Value::Array(elements) => {
            for at in 0..elements.len() {
                if *number == 0 && new.is_none() {
                    elements.remove(at);
                    return true;
                }
                if replace(&mut elements[at], number, new) {
                    return true;
                }
            }
            false
        }
        Value::Object(members) => {
            for name in members.keys().cloned().collect::<Vec<_>>() {
                if *number == 0 && new.is_none() {
                    members.remove(&name);
                    return true;
                }
                if members.get_mut(&name).is_some_and(|member| replace(member, number, new)) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}
