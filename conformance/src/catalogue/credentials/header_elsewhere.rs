//! HDR-2: a token outside the `Authorization` field is not a token.

use crate::case::{Accept, Case};
use crate::catalogue::sources;
use crate::transport::TokenText;

macro_rules! elsewhere {
    ($name:ident, $title:expr, $sends:expr, source: $source:expr, |$session:ident, $token:ident| $request:expr) => {
        case! {
            $name,
            title: $title,
            clauses: [Hdr2],
            level: Must,
            sends: $sends,
            requirement: "The deployment must answer 401 `Not authenticated`.",
            source: $source,
            needs: [Valid],
            accept: [Accept::NotAuthenticated],
            probe: |$session| {
                let $token = $session.valid()?.text();
                $request
            },
        }
    };
}

macro_rules! in_field {
    ($name:ident, $field:literal, $prefix:literal) => {
        elsewhere!(
            $name,
            concat!("A token in `", $field, "` is not a token"),
            concat!("Sends GET to the protected endpoint with a good token in `", $field, "`."),
            source: sources::ALL_REQUIRE,
            |s, token| s.protected().field($field, TokenText::from($prefix).token(token))
        )
    };
}

/// The members of a JSON object, to be appended to other members: with a leading comma.
fn members(object: Option<&str>) -> String {
    let members =
        object.and_then(|object| object.trim().strip_prefix('{')?.strip_suffix('}')).unwrap_or_default();
    if members.trim().is_empty() { String::new() } else { format!(",{members}") }
}

pub(in crate::catalogue) static CASES: &[Case] = &[
    elsewhere!(query_access_token, "A token in the query is not a token",
    "Sends GET to the protected endpoint with a good token as the query parameter `access_token`.",
    source: sources::NO_QUERY_TOKENS,
    |s, token| {
        let mut request = s.protected();
        request.target = request.target.plain("?access_token=").token(token);
        request
    }),
    elsewhere!(query_token, "A token in the query, under another name, is not a token",
    "Sends GET to the protected endpoint with a good token as the query parameters `token` and `jwt`.",
    source: sources::NO_QUERY_TOKENS,
    |s, token| {
        let mut request = s.protected();
        request.target = request.target.plain("?token=").token(&token).plain("&jwt=").token(&token);
        request
    }),
    elsewhere!(cookie, "A token in a cookie is not a token",
    "Sends GET to the protected endpoint with a good token as the cookies `access_token`, `token` and `Authorization`.",
    source: sources::ALL_REQUIRE,
    |s, token| {
        let value = TokenText::from("access_token=").token(&token).plain("; token=").token(&token);
        s.protected().field("Cookie", value.plain("; Authorization=Bearer%20").token(&token))
    }),
    in_field!(x_access_token, "X-Access-Token", ""),
    in_field!(x_auth_token, "X-Auth-Token", ""),
    in_field!(x_forwarded_authorization, "X-Forwarded-Authorization", "Bearer "),
    in_field!(proxy_authorization, "Proxy-Authorization", "Bearer "),
    case! {
        form_body,
        title: "A token in a form body is not a token",
        clauses: [Hdr2],
        level: Must,
        sends: "Sends POST to the protected endpoint with a good token as `access_token` in a form body.",
        requirement: "The deployment must not let the request through.",
        source: sources::ALL_REQUIRE,
        needs: [Valid, Writes],
        accept: [Accept::NotAuthenticated, Accept::Closed],
        probe: |s| {
            let form = TokenText::from("access_token=").token(s.valid()?.text());
            let mut request = s.protected().with_body("application/x-www-form-urlencoded", form);
            request.method = "POST".into();
            request
        },
    },
    case! {
        json_body_of_the_operation,
        title: "A token in the JSON body of an operation is not a token",
        clauses: [Hdr2],
        level: Must,
        sends: "Asks for the operation that needs a permission with a good token as `access_token` and `token` in its JSON body.",
        requirement: "The deployment must answer 401 `Not authenticated`.",
        source: sources::ALL_REQUIRE,
        needs: [Valid, Permission, Writes],
        accept: [Accept::NotAuthenticated],
        probe: |s| {
            let token = s.valid()?.text();
            let json = TokenText::from("{\"access_token\":\"").token(&token).plain("\",\"token\":\"").token(&token);
            // The operation's own members are appended, so that a deployment that validates its body accepts it.
            let rest = members(s.profile().endpoints.permission.as_ref().and_then(|entry| entry.body.as_deref()));
            s.operation()?.with_body("application/json", json.plain("\"").plain(rest).plain("}"))
        },
    },
    case! {
        form_body_of_the_operation,
        title: "A token in a form body of an operation is not a token",
        clauses: [Hdr2],
        level: Must,
        sends: "Asks for the operation that needs a permission with a good token as `access_token` in a form body.",
        requirement: "The deployment must answer 401 `Not authenticated`, or refuse the media type.",
        source: sources::ALL_REQUIRE,
        needs: [Valid, Permission, Writes],
        accept: [Accept::NotAuthenticated, Accept::Closed],
        probe: |s| {
            let form = TokenText::from("access_token=").token(s.valid()?.text());
            s.operation()?.with_body("application/x-www-form-urlencoded", form)
        },
    },
];

#[cfg(test)]
mod tests {
    use super::members;

    #[test]
    fn members_are_appended() {
        assert_eq!(members(None), "");
        assert_eq!(members(Some(" { } ")), "");
        assert_eq!(members(Some("[1]")), "");
        assert_eq!(members(Some(r#"{"title":"A"}"#)), r#","title":"A""#);
    }
}
