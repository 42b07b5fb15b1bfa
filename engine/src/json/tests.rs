use super::reader::Value;
use super::*;

const WANTED: Names<2, &str> = Names::known(["wanted", "other"]);

fn reads(text: &[u8]) -> bool {
    Object::read(&Document::new(text), &WANTED).is_some()
}

fn is_object(text: &str) -> bool {
    reads(text.as_bytes())
}

fn of_value<T>(json: &str, look: impl FnOnce(Value<'_, '_>) -> T) -> T {
    let text = format!("{{ \"first\":0,\"wanted\" :\n{json}\t, \"last\":[]}} ");
    let text = Document::new(text.as_bytes());
    look(Object::read(&text, &WANTED).unwrap().value(0).unwrap())
}

fn is_value(json: &str) -> bool {
    is_object(&format!("{{\"x\":{json}}}"))
}

#[test]
fn takes_objects_and_nothing_else() {
    for object in ["{}", " { } ", r#"{"a":1}"#, " {\"a\" : 1 , \"b\":\t{}\r\n} "] {
        assert!(is_object(object), "{object}");
    }
    for other in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "0",
        "\"{}\"",
        "{}{}",
        "{} 1",
        "{},",
        "\u{feff}{}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\",1}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1]",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1;\"b\":1}",
    ] {
        assert!(!is_object(other), "{other}");
    }
    assert!(!reads(b"{\"a\":\"\xff\"}"));
}

#[test]
fn passes_over_what_is_json_and_nothing_else() {
    for json in [
        "{}",
        "[]",
        " [ ] ",
        "[[],{},[{}]]",
        r#"{"a":[1,-0,0.5,1e400,-1E-5],"b":{"c":null,"d":true,"e":false}}"#,
        r#""\ud800""#,
        r#"{"\udfff":0}"#,
        "0",
        "\"\u{7f}\u{85}é\"",
    ] {
        assert!(is_value(json), "{json}");
    }
    for other in [
        "",
        "{",
        "}",
        "[1,]",
        "[,1]",
        "[1;2]",
        "[1}",
        "[1 2]",
        "01",
        "-01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "NaN",
        "tru",
        "truE",
        "nul",
        "True",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\u{1}\"",
        "\"",
        "1 1",
        "{\"a\"}",
        "{\"a\":1,}",
        "{\"a\":1]",
        "{\"a\";1}",
    ] {
        assert!(!is_value(other), "{other}");
    }
}

#[test]
fn the_end_of_a_number_is_found_at_every_position() {
    for length in 1..40 {
        let digits = "1".repeat(length);
        for name in ["", "a name", "a name of more than sixteen bytes"] {
            let with = |behind: &str| is_object(&format!("{{\"{name}\":{digits}{behind}"));
            assert!(with("}") && with(" }") && with(",\"a\":0}") && with(".5e2}"), "{name}, {length}");
            assert!(!with("") && !with("x}") && !with(".}") && !with("e}"), "{name}, {length}");
            assert!(!with(":0}") && !with("/}"), "{name}, {length}");
        }
    }
}

#[test]
fn passes_over_64_levels_and_refuses_a_flood() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(is_value(&nested(64)));
    assert!(is_value(&nested(128)));
    assert!(!is_value(&nested(129)));
    assert!(!is_object(&"{\"a\":".repeat(100_000)));
    let objects = |levels: usize| format!("{}0{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(is_value(&objects(128)));
    assert!(!is_value(&objects(129)));
}

#[test]
fn a_duplicate_wanted_member_is_refused() {
    let text = Document::new(br#"{"a":1,"a":2,"other":true}"#);
    let object = Object::read(&text, &WANTED).unwrap();
    assert!(object.value(0).is_none() && object.value(1).is_some() && object.value(2).is_none());
    assert!(!is_object(r#"{"wanted":1,"wanted":1}"#));
    assert!(!is_object(r#"{"wanted":1,"w\u0061nted":1}"#));
    assert!(is_object(r#"{"\ud800":1,"\ud800":1}"#));
}

#[test]
fn a_value_has_one_type() {
    for (json, is) in [
        ("null", (true, false, false, false)),
        ("-1.5", (false, true, false, false)),
        ("\"1\"", (false, false, true, false)),
        ("[1]", (false, false, false, true)),
        ("{}", (false, false, false, false)),
        ("true", (false, false, false, false)),
    ] {
        let types = of_value(json, |value| {
            let is_number = value.number().is_some();
            (value.is_null(), is_number, value.string().is_some(), value.is_array())
        });
        assert_eq!(types, is, "{json}");
    }
}

#[test]
fn a_string_is_unescaped() {
    let string = |json: &str| of_value(json, |value| Some(value.string()?.text()?.into_owned()));
    assert_eq!(string(r#""plain and long enough for words""#).unwrap(), "plain and long enough for words");
    assert_eq!(string(r#""\"\\\/\b\f\n\r\t\u00e9""#).unwrap(), "\"\\/\u{8}\u{c}\n\r\t\u{e9}");
    assert_eq!(string(r#""\ud83d\ude00!""#).unwrap(), "\u{1f600}!");
    assert_eq!(string("\"\"").unwrap(), "");
    for no_text in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\ude00""#] {
        assert_eq!(string(no_text), None, "{no_text}");
    }
}

#[test]
fn a_string_is_printable_without_control_characters() {
    let printable = |json: &str| of_value(json, |value| value.string().unwrap().printable().is_some());
    for json in ["\"a b~\"", "\"é\"", r#""\u00e9\"""#] {
        assert!(printable(json), "{json}");
    }
    for json in ["\"\u{7f}\"", "\"\u{85}\"", r#""\u0000""#, r#""a\n""#, r#""\ud800""#] {
        assert!(!printable(json), "{json}");
    }
}

#[test]
fn the_strings_of_an_array_are_in_order() {
    let strings = |json: &str| {
        of_value(json, |value| {
            let mut all = Vec::new();
            value.strings(|string| {
                all.push(string.text()?.into_owned());
                Some(())
            })?;
            Some(all)
        })
    };
    let none: [&str; 0] = [];
    for behind in ["", "é", " and so much text that it is looked at in blocks of sixty-four bytes"] {
        assert_eq!(strings("[]").unwrap(), none);
        assert_eq!(strings("[ ]").unwrap(), none);
        assert_eq!(strings(&format!(r#"["a{behind}"]"#)).unwrap(), [format!("a{behind}")]);
        let several = format!("[ \"a{behind}\" ,\"b,c\",\t\"\" ]");
        assert_eq!(strings(&several).unwrap(), [&*format!("a{behind}"), "b,c", ""]);
        for other in ["[1]", "[\"a\",1]", "[1,\"a\"]", "[null]", "[[\"a\"]]", "{}", "0", "null"] {
            assert_eq!(strings(other), None, "{other}");
        }
        assert_eq!(strings(&format!(r#"["a{behind}",["b"]]"#)), None);
        assert_eq!(strings(&format!(r#""a{behind}""#)), None);
    }
}

/// The fast path must accept the texts that it is for.
#[test]
fn integers_of_eight_to_fifteen_digits_are_parsed_at_once() {
    let digits = "9876543210123456";
    let whole_number = |text: &str| Document::new(text.as_bytes()).whole_number(0);
    for length in 0..=16 {
        for behind in ["", ",", "}", ".5", "e1", "/", ":"] {
            let number = &digits[..length];
            let expected = (8..16).contains(&length).then(|| (number.parse().unwrap(), length));
            let expected = if length + behind.len() < 8 { None } else { expected };
            assert_eq!(whole_number(&format!("{number}{behind}")), expected, "{number}{behind}");
        }
    }
    assert_eq!(whole_number("01234567"), None);
    for at in 0..8 {
        for other in ["/", ":", "-", "e", "\u{0}", "\u{7f}"] {
            let mut text = digits[..15].to_owned();
            text.replace_range(at..=at, other);
            assert_eq!(whole_number(&text), None, "{text:?}");
        }
    }
}

#[test]
fn a_text_without_escapes_and_beyond_ascii_is_plain() {
    assert!(Document::new(br#"{"a": "b"}"#).is_plain());
    for other in ["{\"a\":\"\\n\"}", "{\"a\":\"é\"}", "{\"a\":\t0}"] {
        assert!(!Document::new(other.as_bytes()).is_plain(), "{other}");
    }
    let text = Document::new(b"{}");
    assert_eq!(
        (text.bytes_from(0), text.bytes_from(1), text.bytes_from(3)),
        (&b"{}"[..], &b"}"[..], &b""[..])
    );
}

#[test]
fn numbers_are_read_as_doubles() {
    let number = |json: &str| of_value(json, |value| value.number());
    assert_eq!(number("1700000000"), Some(1_700_000_000.0));
    assert_eq!(number("999999999999999"), Some(999_999_999_999_999.0));
    assert_eq!(number("9007199254740993"), Some(9_007_199_254_740_992.0));
    assert_eq!(number("253402300799.0000001"), Some(253_402_300_799.0));
    assert_eq!(number("12345678"), Some(12_345_678.0));
    assert_eq!(number("1234567890"), Some(1_234_567_890.0));
    assert_eq!(number("123456.8"), Some(123_456.8));
    assert_eq!(number("1e3"), Some(1000.0));
    assert_eq!(number("1e400"), Some(f64::INFINITY));
    assert_eq!(number("-0").map(|zero| zero.is_sign_negative()), Some(true));
}

/// The content of a value of any kind that a claim can have.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Number(String),
    Document(String),
    Texts(Vec<String>),
    Else,
}

fn take<'j>(value: impl ReadValue<'j>, kind: usize) -> Content {
    let taken = match kind {
        0 => value.number().map(|number| Content::Number(number.to_string())),
        1 => value.string().and_then(|string| Some(Content::Document(string.text()?.into_owned()))),
        _ => {
            let mut all = Vec::new();
            let each = |string: &JsonString<'_>| {
                all.push(string.text()?.into_owned());
                Some(())
            };
            value.strings(each).map(|()| Content::Texts(all))
        }
    };
    taken.unwrap_or(Content::Else)
}

/// The wanted members of an object, each with its content, read as the type in its name.
type Members = Vec<(usize, Content)>;

/// The members by the fast path, if it accepts the text, and by the grammar.
fn both_ways(text: &str) -> (Option<Members>, Option<Members>) {
    let names: Names<4, &str> = Names::new(["exp", "a", "permissions", "a name of more than sixteen bytes"]);
    let text = Document::new(text.as_bytes());
    let mut quick = Vec::new();
    let is_quick = text.compact_members(&names, |index, next| {
        let taken = take(next, index);
        let is_taken = taken != Content::Else;
        quick.push((index, taken));
        is_taken.then_some(())
    });
    quick.sort();
    let whole = Object::read(&text, &names).map(|object| {
        (0..4).filter_map(|index| object.value(index).map(|value| (index, take(value, index)))).collect()
    });
    (is_quick.map(|()| quick), whole)
}

#[test]
fn objects_as_issuers_write_them_are_read_the_quick_way() {
    for text in [
        r#"{"exp":1700000000,"permissions":["a:read","b"],"a":"b"}"#,
        r#"{"a":"","a name of more than sixteen bytes":["x"],"other":-1.5e3,"exp":0}"#,
        r#"{"permissions":[],"other":{"a":[{"exp":1}]},"a":"[,]","exp":1.5}"#,
        r#"{"other name":"with space","b":true,"a name of more than sixteen bytez":false}"#,
        r#"{"permissions":["a"],"exp":1700000000}"#,
        r#"{"exp":1}"#,
        r#"{"b":[0]}"#,
    ] {
        let (quick, whole) = both_ways(text);
        assert!(quick.is_some(), "{text}");
        assert_eq!(quick, whole, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn the_fast_path_agrees_with_the_grammar_or_declines(
        members in proptest::collection::vec((NAME, VALUE), 0..6),
        at in proptest::num::usize::ANY,
        byte in proptest::option::of(BYTE),
    ) {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let mut text = format!("{{{}}}", members.join(","));
        if let Some(byte) = byte {
            let at = at % text.len();
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..=at, &byte);
            }
        }
        let (quick, whole) = both_ways(&text);
        if quick.is_some() {
            proptest::prop_assert_eq!(quick, whole, "{}", text);
        }
    }
}

const NAME: &str = "exp|permissions|a|b|permissionz|permission|exp1|a name of more than sixteen bytes|\
     a name of more th4n sixteen bytes|";
const VALUE: &str = r#"[0-9]{1,20}|-0|0\.5|1e9|01|true|null|nul|"[a-z \[\]{},:]{0,70}"|"\\\\n"|"é"|\[\]|\["a"\]|\["a","b:c"(,"d")*\]|\["a",1\]|\[ "a"\]|\{\}|\{"exp":1,"a":\["b"\]\}|\[\[\]|"#;
const BYTE: &str = "[\"\\[\\]{},: 0e\\\\a]|";
