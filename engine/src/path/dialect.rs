//! Detects patterns in the syntax of other routers, which match something else here.

/// A warning for a pattern in another router's syntax, with the equivalent here; `None` if it does not look like one.
///
/// Such a pattern is valid and matches these characters literally: a rule for `/admin/*` that was meant to protect
/// `/admin/users` protects only the path `/admin/*`.
pub(crate) fn foreign_syntax(pattern: &str) -> Option<String> {
    let mut segments = pattern.split('/').peekable();
    while let Some(segment) = segments.next() {
        let warning = in_segment(segment, segments.peek().is_none());
        if warning.is_some() {
            return warning;
        }
    }
    None
}

fn in_segment(segment: &str, is_last: bool) -> Option<String> {
    let quoted = segment.escape_debug();
    if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let name = name.strip_prefix('*').unwrap_or(name);
        if name.starts_with("..") || name.ends_with("..") {
            return Some(format!("`{quoted}` matches one segment; write `{{*name}}` for the whole rest"));
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        return (!name.chars().all(is_name)).then(|| {
            format!(
                "`{quoted}` matches any segment: the text between the braces is only a name; write `{{name}}`"
            )
        });
    }
    if segment.contains('*') {
        return Some(format!(
            "`{quoted}` matches a literal `*`; write `{{name}}` for one segment, or `{{*rest}}` for the whole rest"
        ));
    }
    if segment.trim() != segment {
        return Some(format!(
            "`{quoted}` begins or ends with white space, which is matched literally; remove it"
        ));
    }
    // A last segment such as `report:publish` is a name with a verb.
    let is_named = segment.split_once(':').is_some_and(|(before, name)| {
        before.is_empty() || (!is_last && name.starts_with(|c: char| c.is_ascii_alphabetic()))
    });
    if segment == "+" || is_named || segment.contains(['<', '>']) {
        return Some(format!("`{quoted}` matches this text literally; write `{{name}}` for one segment"));
    }
    let is_expression = segment.contains(['(', ')', '[', ']', '^', '$', '|']) || segment.contains(".+");
    is_expression.then(|| {
        format!("`{quoted}` is matched literally, not as a regular expression; write `{{name}}` for one segment, or `{{*rest}}` for the whole rest")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syntax_of_other_routers_is_recognized() {
        for pattern in [
            "/admin/*",
            "/admin/**",
            "/users/:id",
            "/users/<id>",
            "/users/<int:id>",
            "/files/(.*)",
            "/files/[0-9]+",
            "/a|b",
            "/^x$",
            "/x.+",
            "/{name:[a-z]+}",
            "/{id:int}",
            "/{name}/*.json",
            "/files/{path...}",
            "/files/{...path}",
            "/sensors/+/state",
            "/v<int:version>/admin",
            "/admin/<name>.json",
            "/api/v:version/admin",
            "/admin ",
            "/a/ b",
        ] {
            assert!(foreign_syntax(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "/",
            "/a/b",
            "/{id}",
            "/{*rest}",
            "/{user_id}/x-y",
            "/a.b",
            "/a+b",
            "/a:b",
            "/a/1:2/b",
            "/~x",
            "/{größe}",
        ] {
            assert_eq!(foreign_syntax(pattern), None, "{pattern}");
        }
    }
}
