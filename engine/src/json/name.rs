//! The names of members that are looked for.

use super::scan::Text;
use super::strings::unescape;

/// The names of an object's wanted members, each with its beginning at hand.
#[derive(Clone, Debug)]
pub(crate) struct Names<const N: usize, S = Box<str>> {
    beginnings: [u64; N],
    names: [S; N],
}

impl<const N: usize> Names<N, &'static str> {
    pub(crate) const fn known(names: [&'static str; N]) -> Self {
        let mut beginnings = [0; N];
        let (mut from, mut to): (&[_], &mut [_]) = (&names, &mut beginnings);
        while let ([name, from_after @ ..], [beginning, to_after @ ..]) = (from, to) {
            *beginning = beginning_of(name.as_bytes());
            (from, to) = (from_after, to_after);
        }
        Self { beginnings, names }
    }
}

impl<const N: usize, S: AsRef<str>> Names<N, S> {
    pub(crate) fn new(names: [S; N]) -> Self {
        Self { beginnings: names.each_ref().map(|name| beginning_of(name.as_ref().as_bytes())), names }
    }

    fn position(&self, wanted: &[u8]) -> Option<usize> {
        self.names.iter().position(|name| name.as_ref().as_bytes() == wanted)
    }
}

/// The first eight bytes of a name with its closing quote, and zeros behind that: a hint, for a wanted name may hold
/// quotes and NUL itself.
const fn beginning_of(mut name: &[u8]) -> u64 {
    let mut beginning = [0; 8];
    let mut left: &mut [u8] = &mut beginning;
    while let [place, left_after @ ..] = left {
        let [byte, after @ ..] = name else {
            *place = b'"';
            break;
        };
        *place = *byte;
        (name, left) = (after, left_after);
    }
    u64::from_le_bytes(beginning)
}

impl Text<'_> {
    /// Which of the wanted names stands here, inside its quotes.
    #[inline]
    pub(super) fn find_name<const N: usize, S: AsRef<str>>(
        &self,
        start: usize,
        end: usize,
        wanted: &Names<N, S>,
    ) -> Option<usize> {
        let name = self.part(start, end)?;
        let Some(eight) = self.bytes_from(start).first_chunk().filter(|_| self.is_plain()) else {
            return self.find_odd_name(name, wanted);
        };
        let unused = 7_usize.saturating_sub(name.len()).wrapping_mul(8);
        let unused = u32::try_from(unused).unwrap_or(0);
        let beginning = u64::from_le_bytes(*eight) & u64::MAX.wrapping_shr(unused);
        let index = wanted.beginnings.iter().position(|wanted| *wanted == beginning)?;
        // A short name is all in its beginning, but for where it ends.
        let same_length = wanted.names.get(index).is_some_and(|wanted| wanted.as_ref().len() == name.len());
        if same_length && name.len() < 8 { Some(index) } else { wanted.position(name) }
    }

    #[inline(never)]
    fn find_odd_name<const N: usize, S: AsRef<str>>(
        &self,
        name: &[u8],
        wanted: &Names<N, S>,
    ) -> Option<usize> {
        if !name.contains(&b'\\') {
            return wanted.position(name);
        }
        wanted.position(unescape(std::str::from_utf8(name).ok()?)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [&str; 8] = ["a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghj", "", "é"];

    #[test]
    fn a_name_is_found_whole_or_not_at_all() {
        let wanted = Names::new(WANTED.map(Box::from));
        for (index, name) in WANTED.iter().enumerate() {
            for behind in ["\"", "\":0}", "\":\"value\"}", "\": \"é\"}"] {
                let json = format!("{name}{behind}");
                let text = Text::new(json.as_bytes()).unwrap();
                assert_eq!(text.find_name(0, name.len(), &wanted), Some(index), "{json}");
                assert_eq!(text.find_name(0, name.len(), &Names::known(WANTED)), Some(index), "{json}");
            }
        }
        for other in ["b", "A", "abc", "abcdef", "abcdefghk", "abcdefghij", "a\0", "è"] {
            let json = format!("{other}\":0, \"a\": 1}}");
            let text = Text::new(json.as_bytes()).unwrap();
            assert_eq!(text.find_name(0, other.len(), &wanted), None, "{json}");
        }
    }

    #[test]
    fn names_that_begin_alike_are_told_apart_by_their_ends() {
        let wanted = Names::known(["beginning-1", "beginning-2", "beginnings"]);
        for (index, name) in ["beginning-1", "beginning-2", "beginnings"].into_iter().enumerate() {
            let json = format!("{name}\":0}}");
            let text = Text::new(json.as_bytes()).unwrap();
            assert_eq!(text.find_name(0, name.len(), &wanted), Some(index));
        }
    }

    /// A quote and a NUL end no name, though a policy may name a claim with them.
    #[test]
    fn a_name_with_a_quote_is_not_the_one_before_the_quote() {
        for (odd, plain) in [("abcdefg\"", "abcdefg"), ("a\"\0\0\0\0\0\0\0", "a"), ("a\"\0", "a"), ("\"", "")]
        {
            let json = format!("{plain}\":0, \"more\": 1}}");
            let text = Text::new(json.as_bytes()).unwrap();
            let find = |wanted: [&'static str; 2]| text.find_name(0, plain.len(), &Names::known(wanted));
            assert_eq!(find([odd, "other"]), None, "{odd:?}");
            assert_eq!(find([odd, plain]), Some(1), "{odd:?}");
            assert_eq!(find([plain, odd]), Some(0), "{odd:?}");
        }
    }

    #[test]
    fn an_escaped_name_is_what_it_stands_for() {
        let text = Text::new(br#"{"\u0061b":0}"#).unwrap();
        assert_eq!(text.find_name(2, 9, &Names::known(["ab", "a"])), Some(0));
        assert_eq!(text.find_name(2, 9, &Names::known([r"\u0061b"])), None);
    }
}
