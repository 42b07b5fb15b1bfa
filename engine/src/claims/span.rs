//! Spans of a text.

use std::num::NonZeroU32;

/// A part of a text, in one word: where it starts, and one more than its length, so that it is never zero. The
/// longest token that a policy allows has no more than 2^16 bytes.
#[derive(Clone, Copy)]
pub(super) struct Span(NonZeroU32);

impl Span {
    const EMPTY: Self = Self(NonZeroU32::MIN);

    #[inline]
    pub(super) fn new(start: usize, length: usize) -> Option<Self> {
        let (start, more) = (u16::try_from(start).ok()?, u16::try_from(length).ok()?.checked_add(1)?);
        NonZeroU32::new(u32::from(start) << 16 | u32::from(more)).map(Self)
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0.get() & u32::from(u16::MAX) == 1
    }

    #[inline]
    pub(super) fn of(self, text: &[u8]) -> Option<&[u8]> {
        let (start, more) = (self.0.get() >> 16, self.0.get() & u32::from(u16::MAX));
        let length = usize::try_from(more).ok()?.checked_sub(1)?;
        text.get(usize::try_from(start).ok()?..)?.get(..length)
    }
}

/// Spans of a text, in order. A few are stored inline; more are all stored in `many`.
pub(super) struct Spans {
    few: [Span; 8],
    count: u32,
    /// Boxed, because few tokens have so many, and a smaller struct is cheaper to copy.
    many: Option<Box<Many>>,
}

struct Many(Vec<Span>);

impl Spans {
    pub(super) const NONE: Self = Self { few: [Span::EMPTY; 8], count: 0, many: None };

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    pub(super) fn as_slice(&self) -> &[Span] {
        match &self.many {
            None => self.few.get(..self.len()).unwrap_or(&self.few),
            Some(many) => &many.0,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, span: Span) {
        let at = self.len();
        match self.few.get_mut(at) {
            Some(place) => *place = span,
            None => self.push_to_many(span),
        }
        self.count = self.count.saturating_add(1);
    }

    #[inline(never)]
    fn push_to_many(&mut self, span: Span) {
        let few = self.few;
        self.many.get_or_insert_with(|| Box::new(Many(few.to_vec()))).0.push(span);
    }

    pub(super) fn memory(&self) -> usize {
        let of_many = |many: &Many| many.0.capacity().saturating_mul(size_of::<Span>());
        self.many.as_deref().map_or(0, |many| of_many(many).saturating_add(size_of::<Many>()))
    }
}
