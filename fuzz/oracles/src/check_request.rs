//! Envoy's `ext_authz` message: the server's reading equals that of a simple decoder of the wire format.

use artos_auth_server::fuzzing::described_by;

/// The bytes are the body of a call: a prefix of five bytes, and a `CheckRequest`.
pub(crate) fn run(input: &[u8]) {
    let Some(described) = described_by(input) else { return };
    let (prefix, message) = input.split_at(5);
    assert_eq!(prefix, [&[0], &u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes()[..]].concat());
    let Some(read) = read(message) else { return };
    assert_eq!(described.method, read.method);
    assert_eq!(described.target, read.path);
    assert!(read.host.starts_with(&described.host) && !described.host.is_empty(), "{:?}", read.host);
    assert!(!read.method.is_empty() && !read.path.is_empty());

    let named = |lines: &[(String, Vec<u8>)]| -> Vec<Vec<u8>> {
        let lines = lines.iter().filter(|(key, _)| key.eq_ignore_ascii_case("authorization"));
        lines.map(|(_, value)| value.clone()).collect()
    };
    let (merged, raw) = (named(&read.headers), named(&read.header_map));
    if read.header_map.is_empty() {
        assert_eq!(described.lines, merged);
    } else {
        assert_eq!(described.lines, raw);
        assert!(merged.is_empty() || merged == raw, "two sources that differ are not clear");
    }
}

struct Read {
    method: String,
    path: String,
    host: String,
    headers: Vec<(String, Vec<u8>)>,
    header_map: Vec<(String, Vec<u8>)>,
}

fn read(message: &[u8]) -> Option<Read> {
    let http = whole(&whole(&whole(message, 1)?, 4)?, 2)?;
    let last = |message: &[u8], number| Some(values(message, number)?.pop().unwrap_or_default());
    let text = |number| Some(String::from_utf8_lossy(&last(&http, number)?).into_owned());
    let key = |entry: &[u8]| Some(String::from_utf8_lossy(&last(entry, 1)?).into_owned());
    let headers =
        values(&http, 3)?.iter().map(|entry| Some((key(entry)?, last(entry, 2)?))).collect::<Option<_>>()?;
    let lines = values(&whole(&http, 13)?, 1)?;
    let header_map = lines
        .iter()
        .map(|line| {
            let raw = last(line, 3)?;
            Some((key(line)?, if raw.is_empty() { last(line, 2)? } else { raw }))
        })
        .collect::<Option<_>>()?;
    Some(Read { method: text(2)?, path: text(4)?, host: text(5)?, headers, header_map })
}

/// The parts of a message that occurs several times are concatenated.
fn whole(message: &[u8], number: u64) -> Option<Vec<u8>> {
    Some(values(message, number)?.concat())
}

/// The values of a length-delimited field, in order; `None` for groups, which this decoder does not support.
fn values(mut message: &[u8], number: u64) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            0 => {
                varint(&mut message)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (value, rest) = message.split_at_checked(length)?;
        message = rest;
        if key == number << 3 | 2 {
            found.push(value.to_vec());
        }
    }
    Some(found)
}

fn varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Calls as Envoy sends them: with merged fields, raw fields, and both.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let authorization = [field(1, b"authorization"), field(2, b"Bearer a.b.c")].concat();
    let raw = [field(1, b"Authorization"), field(3, b"Bearer a.b.c")].concat();
    let (merged, raw) = (field(3, &authorization), field(13, &field(1, &raw)));
    let request = [field(2, b"GET"), field(4, b"/api/v1/templates/"), field(5, b"api.example:80")].concat();
    let owner = field(10, &[field(1, b"resource_org"), field(2, b"org-a")].concat());
    [vec![], merged.clone(), raw.clone(), [merged, raw].concat()]
        .map(|fields| {
            let http = field(2, &[request.clone(), fields].concat());
            let message = field(1, &[field(4, &http), owner.clone()].concat());
            [&[0], &u32::try_from(message.len()).unwrap_or(0).to_be_bytes()[..], &message].concat()
        })
        .to_vec()
}

/// A field of fewer than 16,384 bytes.
fn field(number: u8, data: &[u8]) -> Vec<u8> {
    let low = u8::try_from(data.len() & 0x7f).unwrap_or(0);
    let high = u8::try_from(data.len() >> 7).unwrap_or(0);
    let length = if high == 0 { vec![low] } else { vec![low | 0x80, high] };
    [&[number << 3 | 2], &length[..], data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_read_alike() {
        for seed in seeds() {
            assert!(described_by(&seed).is_some());
            run(&seed);
        }
    }

    #[test]
    fn a_second_occurrence_of_a_message_adds_to_the_first() {
        let first = field(1, &field(4, &field(2, &[field(2, b"GET"), field(4, b"/a")].concat())));
        let second = field(1, &field(4, &field(2, &[field(5, b"api.example"), field(4, b"/b")].concat())));
        let message = [first, second].concat();
        let framed = [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat();
        assert_eq!(described_by(&framed).unwrap().target, "/b");
        run(&framed);
    }
}
