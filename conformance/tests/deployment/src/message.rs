//! Requests as received, and their responses.

/// A request: every byte of target and fields is stored as the character with its value.
#[derive(Clone)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// The request-target, including the query.
    pub(crate) target: String,
    /// Whether it came over HTTP/1.0.
    pub(crate) http10: bool,
    /// The field lines, with names in lower case and values without surrounding white space.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The values of every line of a field.
    pub(crate) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_slice())
    }

    /// The first line of a field, as text.
    #[must_use]
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.lines(name).next().map(latin1)
    }

    /// The target up to its first `?`.
    #[must_use]
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The value of a member of the query.
    #[must_use]
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        form_value(query, name)
    }

    /// The value of a member of a form in the body.
    #[must_use]
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        form_value(&latin1(&self.body), name)
    }

    /// The value of a cookie.
    #[must_use]
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.field("cookie")?;
        cookies.split(';').find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    }
}

fn form_value(form: &str, name: &str) -> Option<String> {
    form.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| latin1(&percent_decode(value)))
    })
}

/// Each byte as the character with its value, which loses nothing and keeps ASCII comparable.
#[must_use]
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Every escape decoded once; invalid escapes are unchanged.
#[must_use]
pub(crate) fn percent_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The response is sent.
    Sent,
    /// The connection is reset instead.
    Reset,
    /// Nothing is ever sent.
    Silence,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Field lines other than those of framing.
    pub(crate) fields: Vec<(String, String)>,
    /// The body, before it is dropped for HEAD.
    pub(crate) body: String,
    /// Whether it is sent.
    pub(crate) wire: Wire,
}

impl Answer {
    /// An answer with a JSON body.
    #[must_use]
    pub(crate) fn json(status: u16, body: String) -> Answer {
        Answer {
            status,
            fields: vec![("Content-Type".into(), "application/json".into())],
            body,
            wire: Wire::Sent,
        }
    }

    /// An answer without a body.
    #[must_use]
    pub(crate) fn empty(status: u16) -> Answer {
        Answer { status, fields: Vec::new(), body: String::new(), wire: Wire::Sent }
    }

    /// No answer.
    #[must_use]
    pub(crate) fn none(wire: Wire) -> Answer {
        Answer { wire, ..Answer::empty(500) }
    }

    /// With one more field line.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Without any line of a field.
    #[must_use]
    pub(crate) fn without(mut self, name: &str) -> Answer {
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        self
    }
}
