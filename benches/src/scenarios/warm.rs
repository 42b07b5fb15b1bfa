//! Decisions on cached tokens: all other checks are repeated.

use std::cell::Cell;
use std::sync::Arc;

use super::cold::question;
use crate::floor::Floor;
use crate::measure::Subject;
use crate::peers::JsonWebToken;
use crate::tokens::{Alg, Claims, ORGANIZATION, SigningKey};
use crate::world::{Question, Size, assert_is_allowed, engine, with_cache};

/// The number of tokens in use when many more are cached.
const IN_USE: usize = 8;

/// The engine's complete decision with its cache, on a token of this algorithm; next to the floor and jsonwebtoken for
/// HS256, which the targets of every algorithm are relative to.
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

/// Warm decisions with this many cached tokens, of which the same few are in use; one subject for each number.
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

/// Warm decisions on tokens drawn at random from this many cached ones, next to the floor and to the minimum work of
/// any cache of complete tokens: comparing each with its copy at a known address.
///
/// The engine's copy of the token is not in the processor's caches. The request is: its bytes have just been received.
#[must_use]
pub fn random_draw(count: usize) -> Vec<Subject> {
    let key = SigningKey::new(Alg::Hs256);
    let floor = Floor::new(&key, &key.mint(&Claims::default()));
    let full = Full::of(count);
    let draw = Draw::from(full.lines.clone());
    // Separate copies, so that no other code has put them into the processor's cache.
    let copies = full.lines.clone();
    vec![
        Subject::new("floor", move || assert!(floor.verifies())),
        Subject::in_batches("engine", BATCH, draw.clone(), Draw::receive, move |draw, index| {
            full.assert_line_allowed(&draw.received[index]);
        }),
        // In sequence, as requests arrive: the location of the next token is not known before this one is done.
        Subject::in_batches("comparison", BATCH, (draw, Cell::new(0)), |(draw, _)| draw.receive(), {
            move |(draw, differs), index| {
                let copy = &copies[draw.drawn[index] ^ differs.get()];
                differs.set(usize::from(copy[..] != draw.received[index]));
                assert_eq!(differs.get(), 0);
            }
        }),
    ]
}

/// The number of requests received at once: few enough to stay in the processor's cache.
const BATCH: usize = 128;

#[derive(Clone)]
struct Draw {
    lines: Arc<[Box<[u8]>]>,
    drawn: Vec<usize>,
    received: Vec<Vec<u8>>,
    state: u64,
}

impl From<Vec<Box<[u8]>>> for Draw {
    fn from(lines: Vec<Box<[u8]>>) -> Self {
        let received = vec![Vec::new(); BATCH];
        Self { lines: lines.into(), drawn: vec![0; BATCH], received, state: 0x9e37_79b9_7f4a_7c15 }
    }
}

impl Draw {
    /// Receives requests with tokens drawn by xorshift64.
    fn receive(&mut self) {
        for (index, line) in self.drawn.iter_mut().zip(&mut self.received) {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            line.clear();
            *index = (self.state % self.lines.len() as u64) as usize;
            line.extend_from_slice(&self.lines[*index]);
        }
    }
}

/// An engine that has this many valid tokens cached, and their `Authorization` lines.
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
        self.assert_line_allowed(&self.lines[index]);
    }

    fn assert_line_allowed(&self, line: &[u8]) {
        assert_is_allowed(&self.question.decide_with(Some(line)));
    }
}
