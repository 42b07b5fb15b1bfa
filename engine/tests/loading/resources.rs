//! Resources: each entry says who owns what it matches, and can be reached.

use artos_auth_engine::{ResourceSpec, Resources};
use rstest::rstest;

fn resource(path: &str, organization: Option<&str>, unowned: Option<bool>) -> ResourceSpec {
    ResourceSpec { path: path.to_owned(), organization: organization.map(str::to_owned), unowned }
}

#[rstest]
#[case::no_pattern(&[resource("a", Some("x"), None)], "`resources[0].path`: a pattern has to begin with `/`")]
#[case::no_owner(&[resource("/a", None, None)], "`resources[0]`: say either `organization` or `unowned = true`")]
#[case::owner_and_none(&[resource("/a", Some("x"), Some(true))], "`resources[0]`: say either `organization` or `unowned = true`")]
#[case::not_unowned(&[resource("/a", None, Some(false))], "`resources[0]`: say either `organization` or `unowned = true`")]
#[case::empty_owner(&[resource("/a", Some(""), None)], "`resources[0].organization`: an empty organization owns nothing; say `unowned = true`")]
#[case::no_such_placeholder(&[resource("/{a}", Some("{b}"), None)], "`resources[0].organization`: the path has no placeholder `{b}`")]
#[case::placeholder_and_text(&[resource("/{a}", Some("x{a}"), None)], "`resources[0].organization`: say an organization id, or one placeholder alone, such as `{org}`")]
#[case::out_of_reach(
    &[resource("/a/{*x}", Some("o"), None), resource("/a/b", Some("p"), None)],
    "`resources[1].path`: `/a/b` is never reached, for resources[0] takes all its paths; put it before that one"
)]
#[case::out_of_reach_behind_its_like(
    &[resource("/b", Some("o"), None), resource("/{x}", Some("o"), None), resource("/{y}/", None, Some(true))],
    "`resources[2].path`: `/{y}` is never reached, for resources[1] takes all its paths; put it before that one"
)]
#[case::rest_out_of_reach(
    &[resource("/a/{*x}", Some("o"), None), resource("/a/b/{*y}", None, Some(true))],
    "`resources[1].path`: `/a/b/{*y}` is never reached, for resources[0] takes all its paths; put it before that one"
)]
fn resources_that_are_refused(#[case] specs: &[ResourceSpec], #[case] message: &str) {
    let error = Resources::new(specs).map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some(message));
}

#[rstest]
#[case::a_literal_does_not_cover_another(&["/a", "/b"])]
#[case::a_segment_does_not_cover_a_rest(&["/{x}", "/{*x}"])]
#[case::a_rest_does_not_cover_what_is_before_it(&["/a/{*x}", "/a"])]
#[case::a_longer_one_does_not_cover_a_shorter(&["/a/{x}", "/{x}"])]
#[case::a_shorter_one_does_not_cover_a_longer(&["/{x}", "/a/{x}"])]
#[case::a_literal_does_not_cover_a_segment(&["/a", "/{x}"])]
fn a_pattern_that_is_reached(#[case] paths: &[&str]) {
    let specs: Vec<_> = paths.iter().map(|path| resource(path, None, Some(true))).collect();
    let resources = Resources::new(&specs).unwrap();
    assert_eq!((resources.len(), resources.is_empty()), (paths.len(), false));
}
