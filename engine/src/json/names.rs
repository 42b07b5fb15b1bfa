//! The names of wanted members.

use super::document::Document;
use super::strings::unescape;

/// The names of an object's wanted members.
#[derive(Clone, Debug)]
pub(crate) struct Names<const N: usize, S = Box<str>> {
    names: [S; N],
    /// The lookup table; empty if the names do not fit into one.
    table: Table,
}

impl<const N: usize> Names<N, &'static str> {
    pub(crate) const fn known(names: [&'static str; N]) -> Self {
        Self { names, table: Table::EMPTY }
    }
}

impl<const N: usize, S: AsRef<str>> Names<N, S> {
    pub(crate) fn new(names: [S; N]) -> Self {
        let table = Table::of(names.each_ref().map(AsRef::as_ref)).unwrap_or(Table::EMPTY);
        Self { names, table }
    }

    /// The names, in their order.
    pub(crate) fn as_array(&self) -> &[S; N] {
        &self.names
    }

    fn position(&self, wanted: &[u8]) -> Option<usize> {
        self.names.iter().position(|name| name.as_ref().as_bytes() == wanted)
    }
}

/// Enough slots that collisions are rare.
const SLOTS: usize = 32;

/// Names as they are written in a compact object (with closing quote and colon), hashed by their first bytes.
#[derive(Clone, Debug)]
struct Table {
    slots: [Slot; SLOTS],
    /// Masks the first bytes of a name that are hashed: at most as many as the shortest name has with its quote.
    hashed: u64,
}

/// A name with its closing quote and colon. Up to sixteen bytes, `beginning` and `end` together hold all of it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    beginning: u64,
    /// The mask of the bytes of `beginning`; zero if the slot is vacant.
    mask: u64,
    end: u64,
    length: u32,
    index: u32,
}

impl Slot {
    const VACANT: Self = Self { beginning: 0, mask: 0, end: 0, length: 0, index: 0 };
}

impl Table {
    const EMPTY: Self = Self { slots: [Slot::VACANT; SLOTS], hashed: 0 };

    /// A table of these names; `None` if there are too many, or if one is not plain text.
    fn of<const N: usize>(names: [&str; N]) -> Option<Self> {
        let is_plain =
            |name: &&str| name.bytes().all(|byte| matches!(byte, b' '..=b'~' if !b"\"\\".contains(&byte)));
        if N > SLOTS / 2 || !names.iter().all(is_plain) {
            return None;
        }
        let shortest = names.iter().map(|name| name.len()).min()?;
        let mut table = Self { hashed: first_bytes(shortest.saturating_add(1)), ..Self::EMPTY };
        for (index, name) in names.into_iter().enumerate() {
            let text = format!("{name}\":");
            let mask = first_bytes(text.len());
            let beginning = word(text.bytes());
            let end = text.as_bytes().last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
            let (length, index) = (u32::try_from(text.len()).ok()?, u32::try_from(index).ok()?);
            let mut at = table.place(beginning);
            while table.slots.get(at)?.mask != 0 {
                at = next(at);
            }
            *table.slots.get_mut(at)? = Slot { beginning, mask, end, length, index };
        }
        Some(table)
    }

    #[inline]
    fn place(&self, beginning: u64) -> usize {
        // Multiplying by the golden ratio spreads values that differ in a few bits.
        let spread = (beginning & self.hashed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(spread >> 59).unwrap_or(0) & (SLOTS - 1)
    }
}

#[inline]
fn next(at: usize) -> usize {
    at.wrapping_add(1) & (SLOTS - 1)
}

/// A mask of the first bytes of a word.
fn first_bytes(count: usize) -> u64 {
    word(std::iter::repeat_n(u8::MAX, count))
}

/// The first eight of these bytes, padded with zeros.
fn word(bytes: impl Iterator<Item = u8>) -> u64 {
    let mut word = [0; 8];
    for (place, byte) in word.iter_mut().zip(bytes) {
        *place = byte;
    }
    u64::from_le_bytes(word)
}

impl Document<'_> {
    /// The index of the wanted name that is equal to this content of a string.
    #[inline(never)]
    pub(super) fn find_name<const N: usize, S: AsRef<str>>(
        &self,
        start: usize,
        end: usize,
        wanted: &Names<N, S>,
    ) -> Option<usize> {
        let name = self.part(start, end)?;
        if self.is_plain() || !name.contains(&b'\\') {
            return wanted.position(name);
        }
        wanted.position(unescape(std::str::from_utf8(name).ok()?)?.as_bytes())
    }

    /// The index of the wanted name that begins here, followed by a quote and a colon. `None` if fewer than eight bytes of
    /// text are left.
    #[inline]
    pub(super) fn look_up_name<const N: usize, S: AsRef<str>>(
        &self,
        start: usize,
        wanted: &Names<N, S>,
    ) -> Option<usize> {
        let table = &wanted.table;
        let eight = u64::from_le_bytes(*self.eight_from(start)?);
        let mut place = table.place(eight);
        loop {
            // Terminates because half of the slots are vacant.
            let slot = table.slots.get(place).filter(|slot| slot.mask != 0)?;
            let (index, length) = (usize::try_from(slot.index).ok()?, usize::try_from(slot.length).ok()?);
            if eight & slot.mask == slot.beginning
                && (length <= 8 || self.has_name(start, start.wrapping_add(length), index, slot, wanted))
            {
                return Some(index);
            }
            place = next(place);
        }
    }

    /// Whether the rest of the name is also equal, after its first bytes matched.
    #[inline]
    fn has_name<const N: usize, S: AsRef<str>>(
        &self,
        start: usize,
        end: usize,
        index: usize,
        slot: &Slot,
        wanted: &Names<N, S>,
    ) -> bool {
        let Some(text) = self.part(start, end) else { return false };
        let same_end = text.last_chunk().is_some_and(|end| u64::from_le_bytes(*end) == slot.end);
        let same = || wanted.names.get(index).is_some_and(|name| text.starts_with(name.as_ref().as_bytes()));
        same_end && (text.len() <= 16 || same())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [&str; 8] = ["a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghj", "", "\u{e9}"];

    #[test]
    fn a_name_is_compared_as_a_whole() {
        let wanted = Names::known(WANTED);
        for (index, name) in WANTED.iter().enumerate() {
            for behind in ["\"", "\":0}", "\":\"value\"}", "\": \"\u{e9}\"}"] {
                let json = format!("{name}{behind}");
                let text = Document::new(json.as_bytes());
                assert_eq!(text.find_name(0, name.len(), &wanted), Some(index), "{json}");
            }
        }
        for other in ["b", "A", "abc", "abcdef", "abcdefghk", "abcdefghij", "a\0", "\u{e8}"] {
            let json = format!("{other}\":0, \"a\": 1}}");
            let text = Document::new(json.as_bytes());
            assert_eq!(text.find_name(0, other.len(), &wanted), None, "{json}");
        }
    }

    /// Looks a name up in a text that continues for at least eight bytes.
    fn look_up<const N: usize>(name: &str, behind: &str, wanted: &Names<N, &'static str>) -> Option<usize> {
        let json = format!("{name}{behind}, and more");
        Document::new(json.as_bytes()).look_up_name(0, wanted)
    }

    const ALIKE: [&str; 10] = [
        "",
        "a",
        "ab",
        "abcdefg",
        "abcdefgh",
        "beginning-1",
        "beginning-2",
        "beginning, middle and end",
        "beginning, muddle and end",
        "beginning, middle, and end",
    ];

    #[test]
    fn a_lookup_compares_the_name_with_its_quote_and_colon() {
        let wanted = Names::new(ALIKE);
        for (index, name) in ALIKE.into_iter().enumerate() {
            assert_eq!(look_up(name, "\":", &wanted), Some(index), "{name}");
            for behind in ["\" :", "\"", ":", "\":"].map(|behind| format!("x{behind}")) {
                assert_eq!(look_up(name, &behind, &wanted), None, "{name}{behind}");
            }
            for behind in ["\" :", "\";", "':", "\\\":"] {
                assert_eq!(look_up(name, behind, &wanted), None, "{name}{behind}");
            }
        }
        for other in
            ["b", "abc", "abcdefghi", "Abcdefgh", "abcdefg\\", "beginning-3", "beginning, meddle and end"]
        {
            assert_eq!(look_up(other, "\":", &wanted), None, "{other}");
        }
    }

    #[test]
    fn near_the_end_of_a_text_nothing_is_looked_up() {
        let wanted = Names::new(["a", "abcdefgh"]);
        let looked_up = |text: &str| Document::new(text.as_bytes()).look_up_name(0, &wanted).is_some();
        assert!(looked_up("a\":12345") && !looked_up("a\":1234"));
        assert!(looked_up("abcdefgh\":") && !looked_up("abcdefgh\"") && !looked_up("abcdefgh"));
    }

    #[test]
    fn as_many_names_are_looked_up_as_leave_half_of_the_slots_vacant() {
        fn all_are_found<const N: usize>() {
            let names: [String; N] = std::array::from_fn(|number| format!("name-{number}"));
            let wanted = Names::new(names.clone());
            let vacant = wanted.table.slots.iter().filter(|slot| slot.mask == 0).count();
            assert_eq!(vacant, if N <= SLOTS / 2 { SLOTS - N } else { SLOTS });
            for (index, name) in names.iter().enumerate().take(SLOTS / 2) {
                let json = format!("{name}\":\"value\"}}");
                let found = Document::new(json.as_bytes()).look_up_name(0, &wanted);
                assert_eq!(found, (N <= SLOTS / 2).then_some(index), "{name}");
            }
        }
        all_are_found::<15>();
        all_are_found::<16>();
        all_are_found::<17>();
    }

    /// A quote or a NUL does not end a name, although the claim names of a policy may contain them.
    #[test]
    fn a_name_with_a_quote_differs_from_its_beginning() {
        for (odd, plain) in [("abcdefg\"", "abcdefg"), ("a\"\0\0\0\0\0\0\0", "a"), ("a\"\0", "a"), ("\"", "")]
        {
            let json = format!("{plain}\":0, \"more\": 1}}");
            let text = Document::new(json.as_bytes());
            let find = |wanted: [&'static str; 2]| text.find_name(0, plain.len(), &Names::known(wanted));
            assert_eq!(find([odd, "other"]), None, "{odd:?}");
            assert_eq!(find([odd, plain]), Some(1), "{odd:?}");
            assert_eq!(find([plain, odd]), Some(0), "{odd:?}");
            // A set with such a name has no lookup table.
            assert_eq!(text.look_up_name(0, &Names::new([odd, plain])), None, "{odd:?}");
        }
        assert_eq!(Document::new(b"a\":0, \"more\": 1}").look_up_name(0, &Names::new(["a", "\u{e9}"])), None);
        assert_eq!(Document::new(b"a\":0, \"more\": 1}").look_up_name(0, &Names::new(["a", "\\"])), None);
    }

    #[test]
    fn an_escaped_name_is_unescaped() {
        let text = Document::new(br#"{"\u0061b":0}"#);
        assert_eq!(text.find_name(2, 9, &Names::known(["ab", "a"])), Some(0));
        assert_eq!(text.find_name(2, 9, &Names::known([r"\u0061b"])), None);
    }
}
