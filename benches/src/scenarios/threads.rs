//! One thread and two, of the floor and of the engine.

use super::cold::question;
use crate::floor::Floor;
use crate::measure::Subject;
use crate::tokens::{Alg, Claims, SigningKey};
use crate::world::{Size, assert_is_allowed, engine, with_cache};

/// Pairs of subjects, `…/1` and `…/2`: the same work on one thread, and on two at once. Of the warm ones, one
/// has both threads ask about the same token, the other each about its own.
#[must_use]
pub fn two_threads() -> Vec<Subject> {
    [1, 2].into_iter().flat_map(on).collect()
}

fn on(threads: usize) -> [Subject; 4] {
    let key = SigningKey::new(Alg::Hs256);
    let token = key.mint(&Claims::default());
    let floor = Floor::new(&key, &token);
    let cold = question(engine(&key, Size::default()), &token);
    let warm = || question(with_cache(engine(&key, Size::default()), 1), &token);
    let (same, own) = (warm(), warm());
    same.assert_allowed();
    let lines: [Vec<u8>; 2] = [0, 1].map(|serial| {
        let token = key.mint(&Claims { serial, ..Claims::default() });
        format!("Bearer {token}").into_bytes()
    });
    let subject = |name: &str, once: Box<dyn Fn(usize) + Send + Sync>| {
        Subject::on_threads(format!("{name}/{threads}"), threads, once)
    };
    [
        subject("floor", Box::new(move |_| assert!(floor.verifies()))),
        subject("cold", Box::new(move |_| cold.assert_allowed())),
        subject("warm, the same token", Box::new(move |_| same.assert_allowed())),
        subject(
            "warm, a token each",
            Box::new(move |thread| assert_is_allowed(&own.decide_with(Some(&lines[thread])))),
        ),
    ]
}
