//! The filter language as people write it: what it means, and where a mistake is.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use kartei_filter::{
    Expr, FilterErrorCode as Code, RecordFacts, Status, TERMS_MAX, TEXT_BYTES_MAX, parse, words,
};
use kartei_profile::{Record, RecordSchema};
use proptest::prelude::*;
use serde_json::json;

fn facts() -> RecordFacts {
    let schema = RecordSchema::user_profile_v1();
    let value = json!({
        "schema": "user_profile.v1", "id": "cdnow-00001", "display_name": "Zoë Über-Muster",
        "tags": ["vip", "two words"], "notes": "Met in Zürich; likes green tea.",
        "attributes": {
            "age": 30, "city": "Bern", "member": true, "left": null, "my key": "x*y", "and": "or",
            "tags": "own"
        },
        "observations": [
            {"signal": "order_value", "value": 20, "at": "2026-01-01T00:00:00Z"},
            {"signal": "order_value", "value": 150.5, "at": "2026-03-01T12:00:00Z"}
        ]
    });
    let mut facts = RecordFacts::default();
    facts.tell(&Record::accept(&schema, &value).unwrap().record);
    facts.stand(Status::Conflict, 1_770_000_000_000);
    facts
}

#[test]
fn filters_mean_what_they_say() {
    let facts = facts();
    let holds = [
        "",
        "tag:vip attributes.age>=30 attributes.city:\"Bern\" observed:order_value>100 \
         after:2026-01-01 status:conflict \"green tea\"",
        "tag:v* tag:*p tag:*i* tag:\"two words\"",
        "-tag:old not tag:old NOT tag:old",
        "tag:old or tag:vip",
        "tag:old OR (city:Bern and age<31)",
        "tag:vip or tag:old tag:never",
        "not (tag:old or tag:never)",
        "id:cdnow-* id:cdnow-00001",
        "name:Zoë* zoe uber muster",
        "age>29 age>=30 age<=30 age<31 age=30 age:30 age!=31 age:>29",
        "city:B* city!=Basel city>Ba city<C",
        "member=true left=null member!=false age!=\"30\"",
        "has:left -has:right",
        "attributes.\"my key\":\"x\\*y\" attributes.\"my key\":x*",
        "attributes.and:or \"or\"",
        "attributes.tags:own",
        "observed:order_value observed:order_value:20 observed:\"order_value\"<=20",
        "observations>=2 observations=2 observations<3",
        "after:2026 after:2026-03 after:2026-03-01T12:00:00Z before:2026-01-02 -before:2025",
        "changed>=2026-01-01 changed<2026-12",
        "zur* gre* bern 30",
        "\"gre* tea\" \"met in zur*\" tea! cdnow",
    ];
    for text in holds {
        let expr = parse(text).unwrap_or_else(|e| panic!("{}\n{e}", e.caret(text)));
        assert!(facts.matches(&expr), "{text}: {expr:?}");
    }
    let does_not = [
        "tag:VIP",
        "tag:v",
        "tag:old tag:vip or tag:never",
        "-(tag:vip)",
        "age=\"30\"",
        "age>Bern",
        "city>=30",
        "attributes.\"my key\":\"x\\*\"",
        "observed:order_value>200",
        "observed:order_valu",
        "\"tea green\"",
        "\"green te\"",
        "after:2026-03-02",
        "before:2026-01-01",
        "status:pending",
        "zurichx",
        "city",
        "true",
        "order_value",
        "\"vip two\"",
        "\"tea bern\"",
        "name:*muster",
        "right!=3",
    ];
    for text in does_not {
        let expr = parse(text).unwrap();
        assert!(!facts.matches(&expr), "{text}: {expr:?}");
    }
}

#[test]
fn facts_of_the_record_before_are_forgotten() {
    let mut facts = facts();
    facts.begin("next");
    for text in
        ["tag:*", "name:*", "has:age", "observations>0", "status:conflict", "tea", "changed>1970"]
    {
        assert!(!facts.matches(&parse(text).unwrap()), "{text}");
    }
    assert!(facts.matches(&parse("id:next next observations=0").unwrap()));
}

#[test]
fn mistakes_are_named_where_they_are() {
    // Text, what is marked, code, what is suggested.
    let cases = [
        ("tag:vip city:\"Bern", "\"", Code::UnclosedQuote, None),
        ("a (b or c", "(", Code::UnclosedParenthesis, None),
        ("a) b", ")", Code::UnexpectedParenthesis, None),
        ("a ()", "()", Code::UnexpectedParenthesis, None),
        ("tag:", ":", Code::MissingValue, None),
        ("age>= tag:vip", ">=", Code::MissingValue, None),
        ("attributes.age", "attributes.age", Code::MissingValue, None),
        ("a or", "or", Code::MissingOperand, None),
        ("or a", "or", Code::MissingOperand, None),
        ("and a", "and", Code::MissingOperand, None),
        ("a and", "and", Code::MissingOperand, None),
        ("(a and) b", "and", Code::MissingOperand, None),
        ("a not", "not", Code::MissingOperand, None),
        (">=30", ">=", Code::MissingOperand, None),
        ("tga:vip", "tga", Code::UnknownField, Some("tag")),
        ("attributes:vip", "attributes", Code::UnknownField, None),
        ("status:pendin", "pendin", Code::UnknownStatus, Some("pending")),
        ("tag>vip", ">", Code::NoSuchComparison, None),
        ("member>true", ">", Code::NoSuchComparison, None),
        ("observed>3", ">", Code::NoSuchComparison, None),
        ("observed:x>abc", "abc", Code::NumberExpected, None),
        ("observations>=inf", "inf", Code::NumberExpected, None),
        ("after:2026-02-30", "2026-02-30", Code::DateExpected, None),
        ("ok --- ok", "-", Code::NothingToSearch, None),
        ("a \"?!\"", "\"?!\"", Code::NothingToSearch, None),
        ("a and and b", "and", Code::MissingOperand, None),
        ("a or or b", "or", Code::MissingOperand, None),
        ("a or and b", "and", Code::MissingOperand, None),
        ("(a or) b", "or", Code::MissingOperand, None),
        ("-or b", "-", Code::MissingOperand, None),
        ("!tag:vip", "!", Code::MissingOperand, None),
        ("(", "(", Code::UnclosedParenthesis, None),
        ("a (b (c)", "(", Code::UnclosedParenthesis, None),
        ("ä )", ")", Code::UnexpectedParenthesis, None),
        ("name:\"x\\\"", "\"", Code::UnclosedQuote, None),
        ("observed:", ":", Code::MissingValue, None),
        ("observed:\"\"", ":", Code::MissingValue, None),
        ("observed:x>", ">", Code::MissingValue, None),
        ("tgas:vip", "tgas", Code::UnknownField, Some("tag")),
        ("tags:vip", "tags", Code::UnknownField, Some("tag")),
        ("TAG:vip", "TAG", Code::UnknownField, Some("tag")),
        ("staus:x", "staus", Code::UnknownField, Some("status")),
        ("observation>3", "observation", Code::UnknownField, Some("observations")),
        ("changd>=2026", "changd", Code::UnknownField, Some("changed")),
        ("display_name:x", "display_name", Code::UnknownField, Some("name")),
        ("attributes.:x", "attributes.", Code::UnknownField, None),
        ("\"my key\">3", "\"my key\"", Code::UnknownField, Some("attributes.\"my key\"")),
        ("status:Conflict", "Conflict", Code::UnknownStatus, Some("conflict")),
        ("status:done", "done", Code::UnknownStatus, None),
        ("id!=x", "!=", Code::NoSuchComparison, None),
        ("after>2026", ">", Code::NoSuchComparison, None),
        ("left<=null", "<=", Code::NoSuchComparison, None),
        ("observations>=x", "x", Code::NumberExpected, None),
        ("changed>=soon", "soon", Code::DateExpected, None),
        ("wor*ds", "wor*ds", Code::MisplacedWildcard, None),
        ("a *b", "*b", Code::MisplacedWildcard, None),
    ];
    for (text, marked, code, suggestion) in cases {
        let error = parse(text).expect_err(text);
        assert_eq!((error.code, &text[error.range.clone()]), (code, marked), "{text}: {error}");
        assert_eq!(error.suggestion.as_deref(), suggestion, "{text}");
    }
}

#[test]
fn places_are_counted_as_browsers_and_terminals_do() {
    let text = "𝄞ä status:x";
    let error = parse(text).expect_err("no such status");
    assert_eq!(error.utf16_range(text), 11..12);
    assert_eq!(error.caret(text), format!("{text}\n{}^", " ".repeat(10)));
}

#[test]
fn filters_have_limits() {
    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(60)).is_ok());
    assert_eq!(parse(&deep(4_000)).expect_err("too deep").code, Code::TooDeep);
    assert_eq!(
        parse(&format!("{}a", "-".repeat(5_000))).expect_err("too deep").code,
        Code::TooDeep
    );
    let many = |terms: usize| "a ".repeat(terms);
    assert!(parse(&many(TERMS_MAX)).is_ok());
    assert_eq!(parse(&many(TERMS_MAX + 1)).expect_err("too many").code, Code::TooManyTerms);
    // One word to the eye, many to the search.
    assert_eq!(parse(&"a-".repeat(TERMS_MAX + 1)).expect_err("too many").code, Code::TooManyTerms);
    let long = format!("{}ää", "a".repeat(TEXT_BYTES_MAX - 1));
    let error = parse(&long).expect_err("too long");
    assert_eq!((error.code, error.range), (Code::TooLong, TEXT_BYTES_MAX - 1..TEXT_BYTES_MAX + 3));
    assert!(words(&long).is_some(), "a search takes the beginning");
}

#[test]
fn a_search_field_takes_everything() {
    let facts = facts();
    let matches = |text: &str| words(text).is_none_or(|expr| facts.matches(&expr));
    for text in ["zo", "tea gre", "\"green te", "  ", "-", "vip bern", "gre tea "] {
        assert!(matches(text) || text == "gre tea ", "{text}");
    }
    assert!(!matches("gre "), "a word with a blank behind it is complete");
    assert!(!matches("\"tea green\""), "quoted words follow each other");
    assert_eq!(words("--"), None);
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "[a-z0-9:\"()<>=!*. \\\\äß𝄞-]{0,60}|(and|or|not|tag:|[ ()a\"])*") {
        match parse(&text) {
            Ok(expr) => drop(format!("{} {expr:?}", facts().matches(&expr))),
            Err(error) => {
                prop_assert!(text.get(error.range.clone()).is_some(), "{:?} in {:?}", error, text);
                prop_assert!(error.caret(&text).ends_with('^'));
                prop_assert!(error.utf16_range(&text).end <= text.encode_utf16().count());
            }
        }
    }

    #[test]
    fn no_search_breaks(text in ".{0,60}") {
        if let Some(Expr::All(parts)) = words(&text) {
            prop_assert!(!parts.is_empty());
        }
    }
}
