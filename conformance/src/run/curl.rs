//! A shell line that sends a request again, every token replaced by a shell variable.

use crate::profile::Target;
use crate::report::Protocol;
use crate::transport::{Piece, Request, TokenText};

/// The line. The reader fills in the variables; the case's text describes them.
pub(crate) fn line(target: &Target, protocol: Protocol, request: &Request) -> String {
    let mut variables = Variables::default();
    if curl_can_say(request) {
        curl(target, protocol, request, &mut variables)
    } else {
        raw(target, request, &mut variables)
    }
}

/// The tokens of requests, without duplicates, in the order of their variables.
pub(crate) fn tokens<'a>(requests: impl Iterator<Item = &'a Request>) -> Vec<Vec<u8>> {
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    for request in requests {
        // The order in which `line` uses them.
        let fields = request.fields.iter().map(|field| &field.value);
        for token in fields.chain(&request.body).chain([&request.target]).flat_map(TokenText::tokens) {
            if !tokens.iter().any(|other| other == token) {
                tokens.push(token.to_vec());
            }
        }
    }
    tokens
}

/// A word of the shell, in quotes where it needs them.
pub(crate) fn word(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte));
    if plain && !text.is_empty() { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The line, after the commands that set its variables. `case`: the arguments of `artos-conformance token`, as words of
/// the shell.
pub(crate) fn with_tokens(line: &str, case: &str, profile: &std::path::Path, request: &Request) -> String {
    let profile = word(&profile.display().to_string());
    let count = tokens([request].into_iter()).len();
    let mut lines: Vec<String> = (1..=count)
        .map(|nth| match nth {
            1 => format!("TOKEN=$(artos-conformance token {case} --profile {profile})"),
            nth => format!("TOKEN_{nth}=$(artos-conformance token {case} --profile {profile} --nth {nth})"),
        })
        .collect();
    lines.push(line.to_owned());
    lines.join("\n")
}

#[derive(Default)]
struct Variables {
    tokens: Vec<Vec<u8>>,
}

impl Variables {
    fn name(&mut self, token: &[u8]) -> String {
        let position = self.tokens.iter().position(|other| other == token).unwrap_or_else(|| {
            self.tokens.push(token.to_vec());
            self.tokens.len() - 1
        });
        if position == 0 { "TOKEN".into() } else { format!("TOKEN_{}", position + 1) }
    }
}

/// curl trims values, omits empty ones, and cannot send control bytes.
fn curl_can_say(request: &Request) -> bool {
    let sayable = |bytes: &[u8]| {
        bytes.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f)
            && !bytes.starts_with(b" ")
            && !bytes.ends_with(b" ")
    };
    request.fields.iter().all(|field| {
        let value = field.value.bytes();
        !value.is_empty() && sayable(&value)
    }) && sayable(&request.target.bytes())
}

fn curl(target: &Target, protocol: Protocol, request: &Request, variables: &mut Variables) -> String {
    let version = match (protocol, target.tls) {
        (Protocol::Http11, _) if request.http10 => "--http1.0",
        (Protocol::Http11, _) => "--http1.1",
        (Protocol::Http2, true) => "--http2",
        (Protocol::Http2, false) => "--http2-prior-knowledge",
    };
    let mut line = format!("curl -sS -i {version} --path-as-is");
    match request.method.as_str() {
        "GET" => {}
        "HEAD" => line.push_str(" --head"),
        method => line.push_str(&format!(" -X {}", quoted(&TokenText::from(method), variables))),
    }
    line.push_str(" -H 'Accept: application/json'");
    for field in &request.fields {
        let mut header = TokenText::from(format!("{}: ", field.name));
        for piece in field.value.pieces() {
            header = match piece {
                Piece::Plain(bytes) => header.plain(bytes),
                Piece::Token(bytes) => header.token(bytes),
            };
        }
        line.push_str(&format!(" -H {}", quoted(&header, variables)));
    }
    if let Some(body) = &request.body {
        line.push_str(&format!(" --data-binary {}", quoted(body, variables)));
    }
    let bytes = request.target.bytes();
    if bytes.starts_with(b"/") && !bytes.contains(&b'#') && !bytes.starts_with(b"//") {
        let mut url = TokenText::from(target.to_string());
        for piece in request.target.pieces() {
            url = match piece {
                Piece::Plain(bytes) => url.plain(bytes),
                Piece::Token(bytes) => url.token(bytes),
            };
        }
        line.push_str(&format!(" -g {}", quoted(&url, variables)));
    } else {
        let target_text = quoted(&request.target, variables);
        line.push_str(&format!(" --request-target {target_text} '{target}/'"));
    }
    line
}

/// A word of the shell: plain text in single quotes, variables in double ones.
fn quoted(text: &TokenText, variables: &mut Variables) -> String {
    let mut word = String::new();
    for piece in text.pieces() {
        match piece {
            Piece::Token(token) => word.push_str(&format!("\"${{{}}}\"", variables.name(token))),
            Piece::Plain(bytes) if bytes.is_ascii() => {
                let plain = String::from_utf8_lossy(bytes).replace('\'', "'\\''");
                word.push_str(&format!("'{plain}'"));
            }
            Piece::Plain(bytes) => {
                let escaped: String = bytes.iter().map(|byte| printf_byte(*byte)).collect();
                word.push_str(&format!("$'{escaped}'"));
            }
        }
    }
    word.replace("''", "")
}

fn raw(target: &Target, request: &Request, variables: &mut Variables) -> String {
    let mut format = String::new();
    let mut arguments = String::new();
    let mut add = |text: &TokenText, format: &mut String| {
        for piece in text.pieces() {
            match piece {
                Piece::Token(token) => {
                    format.push_str("%s");
                    arguments.push_str(&format!(" \"${}\"", variables.name(token)));
                }
                Piece::Plain(bytes) => format.extend(bytes.iter().map(|byte| match byte {
                    b'%' => "%%".to_owned(),
                    byte => printf_byte(*byte),
                })),
            }
        }
    };
    add(&TokenText::from(format!("{} ", request.method)), &mut format);
    add(&request.target, &mut format);
    format.push_str(&format!(" HTTP/1.1\\r\\nHost: {}\\r\\nConnection: close\\r\\n", target.authority()));
    for field in &request.fields {
        add(&TokenText::from(format!("{}: ", field.name)), &mut format);
        add(&field.value, &mut format);
        format.push_str("\\r\\n");
    }
    if let Some(body) = &request.body {
        format.push_str(&format!("Content-Length: {}\\r\\n\\r\\n", body.bytes().len()));
        add(body, &mut format);
    } else {
        format.push_str("\\r\\n");
    }
    let sink = match target.tls {
        true => format!("openssl s_client -quiet -connect {}:{}", target.host, target.port),
        false => format!("nc {} {}", target.host, target.port),
    };
    format!("printf '{format}'{arguments} | {sink}")
}

/// A byte in the notation shared by `printf` and `$'…'`.
fn printf_byte(byte: u8) -> String {
    match byte {
        b'\\' => "\\\\".into(),
        b'\'' => "\\047".into(),
        0x20..=0x7e => char::from(byte).to_string(),
        byte => format!("\\{byte:03o}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target::parse("http://127.0.0.1:8080").unwrap()
    }

    #[test]
    fn tokens_become_variables() {
        let request = Request::new("GET", "/api/v1/templates/").bearer("eyJ.secret.sig");
        assert_eq!(
            line(&target(), Protocol::Http11, &request),
            "curl -sS -i --http1.1 --path-as-is -H 'Accept: application/json' \
             -H 'Authorization: Bearer '\"${TOKEN}\" -g 'http://127.0.0.1:8080/api/v1/templates/'"
        );
    }

    #[test]
    fn requests_that_curl_would_change_are_written_raw() {
        let request = Request::new("GET", "/a%41").authorization(
            TokenText::from("Bearer ").token("one").plain("\t").token("two").plain(" ").token("one"),
        );
        assert_eq!(
            line(&target(), Protocol::Http11, &request),
            "printf 'GET /a%%41 HTTP/1.1\\r\\nHost: 127.0.0.1:8080\\r\\nConnection: close\\r\\n\
             Authorization: Bearer %s\\011%s %s\\r\\n\\r\\n' \"$TOKEN\" \"$TOKEN_2\" \"$TOKEN\" \
             | nc 127.0.0.1 8080"
        );
    }

    #[test]
    fn what_the_shell_reads_otherwise_is_quoted() {
        assert_eq!(word("documents:write"), "documents:write");
        assert_eq!(word("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(word(""), "''");
    }

    #[test]
    fn unusual_targets_are_passed_as_such() {
        let request = Request::new("GET", "/status#x");
        assert_eq!(
            line(&target(), Protocol::Http11, &request),
            "curl -sS -i --http1.1 --path-as-is -H 'Accept: application/json' \
             --request-target '/status#x' 'http://127.0.0.1:8080/'"
        );
    }
}
