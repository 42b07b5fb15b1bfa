//! Resources: each entry names the owner of what it matches, and must be reachable.

use artos_auth_engine::{ResourceSpec, Resources};
use rstest::rstest;

fn resource(path: &str, organization: Option<&str>, unowned: Option<bool>) -> ResourceSpec {
    ResourceSpec { path: path.to_owned(), organization: organization.map(str::to_owned), unowned }
}

#[rstest]
#[case::no_pattern(&[resource("a", Some("x"), None)], "`resources[0].path`: a pattern must begin with `/`")]
#[case::no_owner(&[resource("/a", None, None)], "`resources[0]`: expected either `organization` or `unowned = true`")]
#[case::owner_and_none(&[resource("/a", Some("x"), Some(true))], "`resources[0]`: expected either `organization` or `unowned = true`")]
#[case::not_unowned(&[resource("/a", None, Some(false))], "`resources[0]`: expected either `organization` or `unowned = true`")]
#[case::empty_owner(&[resource("/a", Some(""), None)], "`resources[0].organization`: an organization must not be empty; write `unowned = true` if there is no owner")]
#[case::no_such_placeholder(&[resource("/{a}", Some("{b}"), None)], "`resources[0].organization`: `path` has no placeholder `{b}`")]
#[case::placeholder_and_text(&[resource("/{a}", Some("x{a}"), None)], "`resources[0].organization`: expected an organization id or a single placeholder such as `{org}`")]
#[case::out_of_reach(
    &[resource("/a/{*x}", Some("o"), None), resource("/a/b", Some("p"), None)],
    "`resources[1].path`: `/a/b` is unreachable: resources[0] matches all its paths; move it earlier"
)]
#[case::out_of_reach_behind_its_like(
    &[resource("/b", Some("o"), None), resource("/{x}", Some("o"), None), resource("/{y}/", None, Some(true))],
    "`resources[2].path`: `/{y}` is unreachable: resources[1] matches all its paths; move it earlier"
)]
#[case::rest_out_of_reach(
    &[resource("/a/{*x}", Some("o"), None), resource("/a/b/{*y}", None, Some(true))],
    "`resources[1].path`: `/a/b/{*y}` is unreachable: resources[0] matches all its paths; move it earlier"
)]
#[case::out_of_reach_behind_an_empty_rest(
    &[resource("/a/{*x}", Some("o"), None), resource("/a", Some("p"), None)],
    "`resources[1].path`: `/a` is unreachable: resources[0] matches all its paths; move it earlier"
)]
fn invalid_resources_are_refused(#[case] specs: &[ResourceSpec], #[case] message: &str) {
    let error = Resources::new(specs).map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some(message));
}

#[rstest]
#[case::a_literal_does_not_cover_another(&["/a", "/b"])]
#[case::a_segment_does_not_cover_a_rest(&["/{x}", "/{*x}"])]
#[case::a_rest_does_not_cover_what_is_before_it(&["/a/b/{*x}", "/a"])]
#[case::a_longer_one_does_not_cover_a_shorter(&["/a/{x}", "/{x}"])]
#[case::a_shorter_one_does_not_cover_a_longer(&["/{x}", "/a/{x}"])]
#[case::a_literal_does_not_cover_a_segment(&["/a", "/{x}"])]
fn a_reachable_pattern_is_accepted(#[case] paths: &[&str]) {
    let specs: Vec<_> = paths.iter().map(|path| resource(path, None, Some(true))).collect();
    let resources = Resources::new(&specs).unwrap();
    assert_eq!((resources.len(), resources.is_empty()), (paths.len(), false));
}

fn warnings(entries: &[(&str, Option<&str>)]) -> Vec<String> {
    let specs: Vec<_> =
        entries.iter().map(|(path, owner)| resource(path, *owner, owner.is_none().then_some(true))).collect();
    Resources::new(&specs).unwrap().warnings().iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::nothing_is_unowned(&[("/orgs/{org}/documents", Some("{org}"))], &[])]
#[case::beginning_that_names_the_owner(
    &[("/{org}/documents/{*rest}", Some("{org}")), ("/{*rest}", None)],
    &["`resources[0].path`: `/{org}/documents/{*rest}` is owned, but `/org` is unowned; end the pattern with `{*rest}`, or add an entry",
      "`resources[0].path`: `/{org}/documents/{*rest}` is owned, but `/org/DOCUMENTS/x` is unowned: letter case counts here; make sure that the service behind does not ignore it"]
)]
#[case::what_is_below(
    &[("/{org}", Some("{org}")), ("/{*rest}", None)],
    &["`resources[0].path`: `/{org}` is owned, but `/org/x` is unowned; end the pattern with `{*rest}`, or add an entry"]
)]
#[case::whole_rest(&[("/status", None), ("/{org}/{*rest}", Some("{org}"))], &[])]
#[case::letter_case(
    &[("/api/v1/orgs/{org}/{*rest}", Some("{org}")), ("/{*rest}", None)],
    &["`resources[0].path`: `/api/v1/orgs/{org}/{*rest}` is owned, but `/API/v1/orgs/org/x` is unowned: letter case counts here; make sure that the service behind does not ignore it"]
)]
#[case::letter_case_of_a_later_literal(
    &[("/api/orgs/{org}/{*rest}", Some("{org}")), ("/api/{*rest}", None)],
    &["`resources[0].path`: `/api/orgs/{org}/{*rest}` is owned, but `/api/ORGS/org/x` is unowned: letter case counts here; make sure that the service behind does not ignore it"]
)]
#[case::letter_case_of_all_literals(
    &[("/a/b/{org}/{*rest}", Some("{org}")), ("/A/B/{*rest}", None)],
    &["`resources[0].path`: `/a/b/{org}/{*rest}` is owned, but `/A/B/org/x` is unowned: letter case counts here; make sure that the service behind does not ignore it"]
)]
#[case::what_is_below_beside_a_literal(
    &[("/{org}", Some("{org}")), ("/{org}/x/{*rest}", Some("{org}")), ("/{*rest}", None)],
    &["`resources[0].path`: `/{org}` is owned, but `/org/xx` is unowned; end the pattern with `{*rest}`, or add an entry",
      "`resources[1].path`: `/{org}/x/{*rest}` is owned, but `/org/X/xx` is unowned: letter case counts here; make sure that the service behind does not ignore it"]
)]
#[case::glob(
    &[("/orgs/*", Some("o"))],
    &["`resources[0].path`: `*` matches a literal `*`; write `{name}` for one segment, or `{*rest}` for the whole rest"]
)]
#[case::reference_of_another_router(
    &[("/orgs/{org}/{*rest}", Some(":org"))],
    &["`resources[0].organization`: `:org` is the id of an organization here; write `{name}` for what the placeholder `{name}` matches"]
)]
#[case::reference_of_a_regular_expression(
    &[("/orgs/{org}/{*rest}", Some("$1"))],
    &["`resources[0].organization`: `$1` is the id of an organization here; write `{name}` for what the placeholder `{name}` matches"]
)]
#[case::every_organization(
    &[("/orgs/{org}/{*rest}", Some("*"))],
    &["`resources[0].organization`: `*` is the id of an organization here; write `{name}` for what the placeholder `{name}` matches"]
)]
fn resources_that_probably_match_too_much_are_reported(
    #[case] entries: &[(&str, Option<&str>)],
    #[case] expected: &[&str],
) {
    assert_eq!(warnings(entries), expected);
}

/// Took half a minute when each entry was compared with all earlier ones.
#[test]
fn many_entries_load() {
    let specs: Vec<_> = (0..60_000)
        .map(|number| resource(&format!("/tenants/t{number}/{{*rest}}"), Some("o"), None))
        .collect();
    assert_eq!(Resources::new(&specs).unwrap().len(), 60_000);
}
