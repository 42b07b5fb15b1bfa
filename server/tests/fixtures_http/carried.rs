//! Selects the cases that HTTP can carry, and builds their requests.

use artos_auth_fixtures::Question;

/// What HTTP/1.1, as parsed by hyper, rejects or changes in transit.
pub(crate) fn why_not(question: &Question) -> Option<&'static str> {
    let Question { method, path, authorization, .. } = question;
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if method.is_empty() || !method.bytes().all(is_tchar) {
        return Some("the method is no token");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("the target has a space, a control character or a letter outside ASCII");
    }
    if path.contains('#') {
        return Some("the target has a fragment, which hyper cuts");
    }
    if !path.starts_with('/') && !path.contains("://") && path != "*" {
        return Some("the target has none of the forms of a request line");
    }
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if authorization.iter().any(|line| blank(line.first()) || blank(line.last())) {
        return Some("a field value has white space around it, which is no part of it");
    }
    if authorization.iter().flatten().any(|byte| *byte != b'\t' && byte.is_ascii_control()) {
        return Some("a field value has a control character");
    }
    None
}

/// The request of a case; an extra field names the case for the resolver.
pub(crate) fn request(question: &Question, index: usize) -> Vec<u8> {
    let authority =
        question.path.split_once("://").map_or("localhost", |(_, rest)| rest.split('/').next().unwrap());
    let mut request = format!(
        "{} {} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nX-Case: {index}\r\n",
        question.method, question.path
    )
    .into_bytes();
    for line in &question.authorization {
        request.extend(b"Authorization: ");
        request.extend(line);
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    request
}
