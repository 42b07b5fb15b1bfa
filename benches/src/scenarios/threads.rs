//! One thread and two, for the floor and the engine.

use std::sync::Arc;

use super::cold::question;
use crate::floor::Floor;
use crate::measure::Subject;
use crate::tokens::{Alg, Claims, SigningKey};
use crate::world::{Size, assert_is_allowed, engine, with_cache};

/// The work that each thread repeats; it gets the thread's index.
type Work = Arc<dyn Fn(usize) + Send + Sync>;

/// Pairs of subjects, `…/1` and `…/2`: the same work on one thread, and on two at once. In one of the warm pairs
/// both threads use the same token, in the other each has its own.
///
/// Both of a pair use the same memory, because the location of a token changes a warm decision by a few per cent.
#[must_use]
pub fn two_threads() -> Vec<Subject> {
    let works = works();
    let on = |threads: usize| {
        works.each_ref().map(|(name, work)| {
            let work = Arc::clone(work);
            Subject::on_threads(format!("{name}/{threads}"), threads, move |thread| work(thread))
        })
    };
    [1, 2].into_iter().flat_map(on).collect()
}

fn works() -> [(&'static str, Work); 4] {
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
    [
        ("floor", Arc::new(move |_| assert!(floor.verifies()))),
        ("cold", Arc::new(move |_| cold.assert_allowed())),
        ("warm, the same token", Arc::new(move |_| same.assert_allowed())),
        (
            "warm, a token each",
            Arc::new(move |thread| assert_is_allowed(&own.decide_with(Some(&lines[thread])))),
        ),
    ]
}
