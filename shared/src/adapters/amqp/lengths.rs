//! A look at an encoded message before it is decoded.
//!
//! The decoder believes the lengths that it reads: one of 4 GB makes it reserve as much, one that is too short makes it
//! panic, and nesting without end overflows the stack. A few broken bytes on the queue would end the function, and with it
//! the batch, again and again. So every length is held against what encloses it first (AMQP 1.0, part 1, section 1.2.1:
//! a constructor's upper four bits say how long its value is).

/// How deep values may lie within each other. A message's own sections need three levels; annotations may nest.
const DEPTH: usize = 32;

/// Whether all values in `bytes` end within them, and those within a value within that one.
pub(super) fn fit(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match value(rest, DEPTH) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}

/// What lies behind the value at the start.
fn value(bytes: &[u8], depth: usize) -> Option<&[u8]> {
    let depth = depth.checked_sub(1)?;
    match bytes.split_first()? {
        (0x00, described) => value(value(described, depth)?, depth),
        (code, rest) => content(*code, rest, depth),
    }
}

/// What lies behind the content of a value with that constructor.
fn content(code: u8, bytes: &[u8], depth: usize) -> Option<&[u8]> {
    match code >> 4 {
        0x4 => Some(bytes),
        0x5 => bytes.get(1..),
        0x6 => bytes.get(2..),
        0x7 => bytes.get(4..),
        0x8 => bytes.get(8..),
        0x9 => bytes.get(16..),
        0xa | 0xb => {
            let (size, rest) = number(code, bytes)?;
            rest.get(size..)
        }
        0xc..=0xf => {
            let (size, rest) = number(code, bytes)?;
            let (inner, behind) = rest.split_at_checked(size)?;
            let (count, elements) = number(code, inner)?;
            // Also where each takes no room: an array of a thousand million nulls.
            if count > size {
                return None;
            }
            if code >= 0xe0 {
                array(count, elements, depth)?
            } else {
                list(count, elements, depth)?
            }
            Some(behind)
        }
        _ => None,
    }
}

/// A length or a count: one byte in the smaller ones of two forms, else four.
fn number(code: u8, bytes: &[u8]) -> Option<(usize, &[u8])> {
    if matches!(code >> 4, 0xa | 0xc | 0xe) {
        let (first, rest) = bytes.split_first()?;
        Some((usize::from(*first), rest))
    } else {
        let (first, rest) = bytes.split_first_chunk()?;
        Some((usize::try_from(u32::from_be_bytes(*first)).ok()?, rest))
    }
}

fn list(count: usize, mut elements: &[u8], depth: usize) -> Option<()> {
    for _ in 0..count {
        elements = value(elements, depth)?;
    }
    Some(())
}

/// The elements share one constructor, which may itself be described.
fn array(count: usize, elements: &[u8], depth: usize) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    let (mut code, mut rest) = elements.split_first()?;
    let mut depth = depth;
    while *code == 0x00 {
        depth = depth.checked_sub(1)?;
        (code, rest) = value(rest, depth)?.split_first()?;
    }
    for _ in 0..count {
        rest = content(*code, rest, depth.checked_sub(1)?)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_stay_within_what_encloses_them() {
        for (bytes, fits) in [
            (&[][..], true),
            (&[0x40], true),
            (&[0x50, 1], true),
            (&[0x50], false),
            (&[0x98, 1, 2, 3], false),
            (&[0xa1, 2, b'o', b'k'], true),
            (&[0xa1, 3, b'o', b'k'], false),
            (&[0xb1, 0xff, 0xff, 0xff, 0xff, b'o'], false),
            (&[0x00, 0x53, 0x77, 0xa1, 1, b'x'], true),
            (&[0x00, 0x53], false),
            // Lists: two nulls; one that claims a third; one shorter than its own count; a count beyond its size.
            (&[0xc0, 3, 2, 0x40, 0x40], true),
            (&[0xc0, 3, 3, 0x40, 0x40], false),
            (&[0xc0, 0], false),
            (&[0xd0, 0, 0, 0, 3, 0, 0, 0], false),
            (&[0xd0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff], false),
            (&[0xc0, 4, 1, 0xa1, 9, b'x'], false),
            // Arrays: of two short texts; of too many; of nulls without end; of something described.
            (&[0xe0, 6, 2, 0xa1, 1, b'a', 1, b'b'], true),
            (&[0xe0, 6, 3, 0xa1, 1, b'a', 1, b'b'], false),
            (&[0xf0, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, 0x40], false),
            (&[0xe0, 5, 1, 0x00, 0x53, 0x01, 0x40], true),
            (&[0xe0, 2, 1, 0x00], false),
            // No constructor.
            (&[0x30], false),
        ] {
            assert_eq!(fit(bytes), fits, "{bytes:02x?}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |levels: usize| {
            let mut bytes = vec![0x40];
            for _ in 1..levels {
                let size = u32::try_from(bytes.len() + 4).unwrap().to_be_bytes();
                bytes = [&[0xd0][..], &size, &[0, 0, 0, 1], &bytes].concat();
            }
            bytes
        };
        assert!(fit(&nested(DEPTH)));
        assert!(!fit(&nested(DEPTH + 1)));
        assert!(!fit(&[0; 100_000]), "described by described by described");
        let arrays = [&[0xe0, 0xff, 1][..], &[0; 300]].concat();
        assert!(!fit(&arrays));
    }
}
