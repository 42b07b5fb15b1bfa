//! Decisions about tokens that have been verified before: every other check is made afresh.

use super::cold::question;
use crate::floor::Floor;
use crate::measure::Subject;
use crate::peers::JsonWebToken;
use crate::tokens::{Alg, Claims, ORGANIZATION, SigningKey};
use crate::world::{Question, Size, engine, with_cache};

/// How many tokens are in use at once where many more are cached.
const IN_USE: usize = 8;

/// The engine's whole decision with its cache, of a token of this algorithm; beside the floor and jsonwebtoken
/// of HS256, which the targets of every algorithm are ratios to.
#[must_use]
pub fn warm(alg: Alg) -> Vec<Subject> {
    let hmac_key = SigningKey::new(Alg::Hs256);
    let hmac_token = hmac_key.mint(&Claims::default());
    let floor = Floor::new(&hmac_key, &hmac_token);
    let jsonwebtoken = JsonWebToken::new(&hmac_key);
    let key = SigningKey::new(alg);
    let question = question(with_cache(engine(&key, Size::default()), 1), &key.mint(&Claims::default()));
    question.assert_allowed();
    vec![
        Subject::new("floor", move || assert!(floor.verifies())),
        Subject::new("engine", move || question.assert_allowed()),
        Subject::new("jsonwebtoken", move || {
            let claims = jsonwebtoken.verify(&hmac_token).expect("the token is good");
            assert_eq!(claims.org_id, ORGANIZATION);
        }),
    ]
}

/// Warm decisions with so many tokens cached, of which the same few are in use; one subject for each number.
#[must_use]
pub fn cached_tokens(counts: &[usize]) -> Vec<Subject> {
    let subject = |count: &usize| {
        let full = Full::of((*count).max(IN_USE));
        let mut turn = 0;
        let once = move || {
            turn = (turn + 1) % IN_USE;
            full.assert_allowed(turn);
        };
        Subject::new(count.to_string(), once)
    };
    counts.iter().map(subject).collect()
}

/// Warm decisions about tokens drawn at random from so many cached ones, beside the floor.
#[must_use]
pub fn random_draw(count: usize) -> Vec<Subject> {
    let key = SigningKey::new(Alg::Hs256);
    let floor = Floor::new(&key, &key.mint(&Claims::default()));
    let full = Full::of(count);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let once = move || {
        // xorshift64: cheap beside a decision, and without a pattern that a processor could foresee.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        full.assert_allowed((state % count as u64) as usize);
    };
    vec![Subject::new("floor", move || assert!(floor.verifies())), Subject::new("engine", once)]
}

/// An engine that has so many live tokens cached, and their `Authorization` lines.
struct Full {
    question: Question,
    lines: Vec<Box<[u8]>>,
}

impl Full {
    fn of(count: usize) -> Self {
        let key = SigningKey::new(Alg::Hs256);
        let line = |serial| {
            let token = key.mint(&Claims { serial, ..Claims::default() });
            format!("Bearer {token}").into_bytes().into_boxed_slice()
        };
        let lines: Vec<_> = (0..count as u64).map(line).collect();
        let question = question(with_cache(engine(&key, Size::default()), count), "");
        let full = Self { question, lines };
        (0..count).for_each(|index| full.assert_allowed(index));
        full
    }

    fn assert_allowed(&self, index: usize) {
        let decision = self.question.decide_with(Some(&self.lines[index]));
        let principal = decision.principal().expect("the token is good");
        assert_eq!(principal.org_id(), ORGANIZATION);
    }
}
