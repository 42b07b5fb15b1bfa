//! Several key sets combined: what is refused, what is reported, and how keys are counted.

use artos_auth_engine::{KeySet, Organizations};
use rstest::rstest;
use serde_json::{Value, json};

/// A set of this many secrets for one algorithm, without `kid`.
fn secrets(count: usize) -> KeySet {
    let key = |number: usize| {
        let k = base64_simd::URL_SAFE_NO_PAD.encode_to_string(vec![7; 32 + number]);
        json!({"kty": "oct", "alg": "HS256", "k": k})
    };
    let keys: Vec<Value> = (0..count).map(key).collect();
    KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn organizations(names: &[&str]) -> Option<Organizations> {
    Some(names.iter().copied().collect())
}

#[rstest]
#[case::none(
    &[],
    "`keys[1].organizations`: an empty list accepts no token; leave it out to accept any organization"
)]
#[case::without_a_name(&["a", ""], "`keys[1].organizations`: an organization must not be empty")]
fn invalid_organizations_are_refused(#[case] names: &[&str], #[case] message: &str) {
    let built = KeySet::builder().add(secrets(1)).add_bound(secrets(1), None, organizations(names)).build();
    assert_eq!(built.unwrap_err().to_string(), message);
}

#[test]
fn an_empty_list_of_sets_is_refused() {
    assert_eq!(
        KeySet::builder().build().unwrap_err().to_string(),
        "no key was added; add a key set that is not empty"
    );
    let none = KeySet::builder().add(KeySet::none()).build();
    assert_eq!(none.unwrap_err().to_string(), "no key was added; add a key set that is not empty");
}

#[test]
fn a_second_binding_is_refused() {
    let bound = || KeySet::builder().add_bound(secrets(1), Some("a".to_owned()), None).build().unwrap();
    let twice = KeySet::builder().add_bound(bound(), Some("b".to_owned()), None).build();
    let message = "`keys[0]`: these keys are bound already; add them with `add`";
    assert_eq!(twice.unwrap_err().to_string(), message);
    assert_eq!(KeySet::builder().add(bound()).add(secrets(2)).build().unwrap().len(), 3);
}

#[test]
fn keys_without_ids_are_counted_over_all_sets() {
    let warnings = |set: &KeySet| set.warnings().iter().map(ToString::to_string).collect::<Vec<_>>();
    let eight = KeySet::builder().add(secrets(4)).add(secrets(4)).build().unwrap();
    assert_eq!((eight.len(), warnings(&eight)), (8, vec![]));
    let both = KeySet::builder().add(secrets(9)).add(secrets(9)).build().unwrap();
    let once = ["18 keys for HS256, so its tokens without `kid` are refused; at most 8 keys are tried"];
    assert_eq!((both.len(), warnings(&both)), (18, once.map(str::to_owned).to_vec()));
}
