//! How the cost of a decision grows with the size of the engine's data.

use artos_auth_engine::Engine;

use super::cold::question;
use crate::measure::Subject;
use crate::tokens::{Alg, Claims, SigningKey, forge};
use crate::world::{Question, Size, engine, keys_of, organizations, policy, revocations, with_cache};

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Route rules of the policy.
    Routes,
    /// Keys of the token's algorithm.
    Keys,
    /// Revoked tokens.
    Revocations,
    /// Organizations of the realm.
    Organizations,
}

impl Dimension {
    /// All of them, in table order.
    pub const ALL: [Self; 4] = [Self::Routes, Self::Keys, Self::Revocations, Self::Organizations];

    /// The spelling in benchmark names.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::Keys => "keys",
            Self::Revocations => "revocations",
            Self::Organizations => "organizations",
        }
    }

    /// The sizes of its plot; the first and the last are the table's.
    #[must_use]
    pub fn sizes(self) -> &'static [usize] {
        match self {
            Self::Routes => &[10, 100, 1_000, 10_000],
            Self::Keys => &[1, 10, 100, 1_000],
            Self::Revocations => &[0, 1_000, 100_000, 10_000_000],
            Self::Organizations => &[1, 100, 10_000],
        }
    }

    fn of(self, size: usize) -> Size {
        let usual = Size::default();
        match self {
            Self::Routes => Size { routes: size, ..usual },
            Self::Keys => Size { keys: size, ..usual },
            Self::Revocations => Size { revoked_tokens: size, ..usual },
            Self::Organizations => Size { organizations: size, ..usual },
        }
    }
}

/// Whether the token is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temperature {
    /// The engine has no cache.
    Cold,
    /// The token is in the engine's cache.
    Warm,
}

/// Decisions on an RS256 token, one subject for each size.
#[must_use]
pub fn growth(temperature: Temperature, dimension: Dimension, sizes: &[usize]) -> Vec<Subject> {
    let key = SigningKey::new(Alg::Rs256);
    let token = key.mint(&Claims::default());
    let subject = |size: &usize| {
        let of = dimension.of(*size);
        let engine = match temperature {
            Temperature::Cold => engine(&key, of),
            Temperature::Warm => with_cache(engine(&key, of), 1),
        };
        let question = Question::new(engine, organizations(of.organizations), &token);
        question.assert_allowed();
        Subject::new(size.to_string(), move || question.assert_allowed())
    };
    sizes.iter().map(subject).collect()
}

/// Denials of a forged RS256 token with this many valid ones cached, one subject for each number: the cost of a cache
/// miss. (A token that verifies would be cached for the next run.)
#[must_use]
pub fn misses(counts: &[usize]) -> Vec<Subject> {
    let filler = SigningKey::new(Alg::Hs256);
    let key = SigningKey::new(Alg::Rs256);
    let forged = forge(&key.mint(&Claims::default()));
    let subject = |count: &usize| {
        let size = Size::default();
        let engine =
            Engine::new(policy(size.routes), keys_of(&[&filler, &key]), revocations(size.revoked_tokens, 0));
        let question = question(with_cache(engine, *count), &forged);
        for serial in 0..*count as u64 {
            let line = format!("Bearer {}", filler.mint(&Claims { serial, ..Claims::default() }));
            assert!(question.decide_with(Some(line.as_bytes())).is_allow());
        }
        Subject::new(count.to_string(), move || question.assert_reason("signature_invalid"))
    };
    counts.iter().map(subject).collect()
}
