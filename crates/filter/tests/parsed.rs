//! What filters parse to, and that an expression written as a text parses to itself.

use kartei_filter::{
    Comparison, Expr, Operand, Pattern, RecordFacts, Status, Term, Word, parse, words,
};
use kartei_profile::{Fields, Scalar};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn exact(text: &str) -> Pattern {
    Pattern::Exact(text.to_owned())
}

fn wild(pieces: &[&str]) -> Pattern {
    Pattern::Wild(pieces.iter().map(|&piece| piece.to_owned()).collect())
}

fn tag(text: &str) -> Expr {
    Expr::Term(Term::Tag(exact(text)))
}

fn not(inner: Expr) -> Expr {
    Expr::Not(Box::new(inner))
}

fn attribute(key: &str, comparison: Comparison, operand: Operand) -> Expr {
    Expr::Term(Term::Attribute { key: key.to_owned(), comparison, operand })
}

fn score(name: &str, comparison: Comparison, value: f64) -> Expr {
    Expr::Term(Term::Score { name: name.to_owned(), comparison, value })
}

fn equal(key: &str, text: &str) -> Expr {
    attribute(key, Comparison::Equal, Operand::Text(exact(text)))
}

fn observed(signal: &str, test: Option<(Comparison, f64)>) -> Expr {
    Expr::Term(Term::Observed { signal: signal.to_owned(), test })
}

/// Words as people write them: `wor*` is a prefix.
fn written(words: &[&str], phrase: bool) -> Expr {
    let word = |word: &&str| {
        let text = word.trim_end_matches('*').to_owned();
        Word { prefix: word.len() > text.len(), text }
    };
    Expr::Term(Term::Words { words: words.iter().map(word).collect(), phrase })
}

fn word(word: &str) -> Expr {
    written(&[word], false)
}

#[test]
fn filters_parse_to_their_parts() {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    use Expr::{All, Any};
    use Operand::{Bool, Null, Number, Text};
    const NEW_YEAR: i64 = 1_767_225_600_000;
    let after = |millis| Expr::Term(Term::After(millis));
    let cases = [
        ("", All(vec![])),
        (" \t\n", All(vec![])),
        ("tag:vip", tag("vip")),
        ("tag=vip", tag("vip")),
        ("((tag:vip))", tag("vip")),
        ("tag:a tag:b", All(vec![tag("a"), tag("b")])),
        ("tag:a AND tag:b", All(vec![tag("a"), tag("b")])),
        ("tag:a or tag:b tag:c", Any(vec![tag("a"), All(vec![tag("b"), tag("c")])])),
        ("(tag:a or tag:b)tag:c", All(vec![Any(vec![tag("a"), tag("b")]), tag("c")])),
        ("not tag:a tag:b", All(vec![not(tag("a")), tag("b")])),
        ("-tag:a Or Not(tag:b)", Any(vec![not(tag("a")), not(tag("b"))])),
        ("not -tag:a", not(not(tag("a")))),
        ("-(tag:a tag:b)", not(All(vec![tag("a"), tag("b")]))),
        ("id:\"a b\"", Expr::Term(Term::Id(exact("a b")))),
        ("id:a\\ b", Expr::Term(Term::Id(exact("a b")))),
        ("name:*na*", Expr::Term(Term::Name(wild(&["", "na", ""])))),
        ("name:\"a\\*b*\"", Expr::Term(Term::Name(wild(&["a*b", ""])))),
        ("status:rejected", Expr::Term(Term::Status(Status::Rejected))),
        ("has:city", Expr::Term(Term::Has("city".into()))),
        ("age>=30", attribute("age", GreaterOrEqual, Number(30.0))),
        ("age:>=30", attribute("age", GreaterOrEqual, Number(30.0))),
        ("age<-1.5e3", attribute("age", Less, Number(-1500.0))),
        ("age=\"30\"", equal("age", "30")),
        ("age:inf", equal("age", "inf")),
        ("vip!=true", attribute("vip", NotEqual, Bool(true))),
        ("vip:\"true\"", equal("vip", "true")),
        ("left:null", attribute("left", Equal, Null)),
        ("city:B*", attribute("city", Equal, Text(wild(&["B", ""])))),
        ("city<=B*", attribute("city", LessOrEqual, Text(exact("B*")))),
        ("attributes.\"my \\\"key\\\"\">3", attribute("my \"key\"", Greater, Number(3.0))),
        ("attributes.tag:x", equal("tag", "x")),
        ("attributes.a.b:x", equal("a.b", "x")),
        ("and:x", equal("and", "x")),
        ("url:http://x.org/?a=b", equal("url", "http://x.org/?a=b")),
        // Near a field, but good names of attributes.
        ("uid:x", equal("uid", "x")),
        ("ids:x", equal("ids", "x")),
        ("game:x", equal("game", "x")),
        ("tax:x", equal("tax", "x")),
        ("tga>3", attribute("tga", Greater, Number(3.0))),
        ("observed:visits", observed("visits", None)),
        ("observed:\"my visits\"!=3", observed("my visits", Some((NotEqual, 3.0)))),
        ("observed:visits:3", observed("visits", Some((Equal, 3.0)))),
        ("observations>=10", Expr::Term(Term::Observations(GreaterOrEqual, 10.0))),
        ("score.openness>0.7", score("openness", Greater, 0.7)),
        ("score.bfi.openness:0.5", score("bfi.openness", Equal, 0.5)),
        ("attributes.score.openness>1", attribute("score.openness", Greater, Operand::Number(1.0))),
        ("score>3", attribute("score", Greater, Operand::Number(3.0))),
        ("changed<2026", Expr::Term(Term::Changed(Less, NEW_YEAR))),
        ("before:2026-01", Expr::Term(Term::Before(NEW_YEAR))),
        ("after:2026-01-01", after(NEW_YEAR)),
        ("after:2026-01-01T00:00:00Z", after(NEW_YEAR)),
        ("after:2026-01-01T02:00:00+02:00", after(NEW_YEAR)),
        ("after:\"2026-01-01\"", after(NEW_YEAR)),
        ("Zürich", word("zurich")),
        ("Zür*", word("zur*")),
        ("hello!", word("hello")),
        ("\"or\" android", All(vec![word("or"), word("android")])),
        ("order-2026", All(vec![word("order"), word("2026")])),
        ("not a-b", not(All(vec![word("a"), word("b")]))),
        ("\"Green  tea\"", written(&["green", "tea"], true)),
        ("\"gre* te*\"", written(&["gre*", "te*"], true)),
        ("\"5*3 te\\*\"", written(&["5", "3", "te"], true)),
        ("\"green\"", word("green")),
        ("東京", All(vec![word("東"), word("京")])),
        ("東*", word("東*")),
    ];
    for (text, expected) in cases {
        let expr = parse(text).unwrap_or_else(|e| panic!("{}\n{e}", e.caret(text)));
        assert_eq!(expr, expected, "{text}");
        assert_eq!(parse(&expr.to_string()).unwrap(), expr, "{text}: {expr}");
    }
}

#[test]
fn expressions_are_written_as_people_do() {
    let cases = [
        (
            "tag=vip AND  ( age:30 or  not city=\"Bern\" )",
            "tag:vip (attributes.age=30 or -attributes.city:\"Bern\")",
        ),
        (
            "after:2026 changed>=2026-01-01T10:00:00Z",
            "after:2026-01-01 changed>=2026-01-01T10:00:00Z",
        ),
        ("\"Green tea\" \"not\" Zür*", "\"green tea\" \"not\" zur*"),
        ("name:\"Anna *\" tag:v*", "name:\"Anna *\" tag:v*"),
        ("observed:\"order_value\">100", "observed:order_value>100"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text).unwrap().to_string(), expected);
    }
}

#[test]
fn the_last_word_of_a_search_is_open() {
    let cases = [
        ("Gre", Some(word("gre*"))),
        ("gre ", Some(word("gre"))),
        ("gre -", Some(word("gre"))),
        ("green te", Some(Expr::All(vec![word("green"), word("te*")]))),
        ("\"green te", Some(written(&["green", "te*"], true))),
        ("\"green te\"", Some(written(&["green", "te"], true))),
        ("tag:vip", Some(Expr::All(vec![word("tag"), word("vip*")]))),
        ("\"\"", None),
    ];
    for (text, expected) in cases {
        assert_eq!(words(text), expected, "{text}");
    }
}

#[test]
fn terms_come_from_left_to_right() {
    let expr = parse("tag:a (tag:b or -tag:c) tag:d").unwrap();
    let terms: Vec<String> = expr.terms().map(ToString::to_string).collect();
    assert_eq!(terms, ["tag:a", "tag:b", "tag:c", "tag:d"]);
    assert_eq!(parse("").unwrap().terms().count(), 0);
}

/// As the language can say it: what joins one part is that part, and what joins none is what every
/// id fits, or its opposite.
fn normalised(expr: &Expr) -> Expr {
    let everything = || Expr::Term(Term::Id(wild(&["", ""])));
    let parts = |parts: &[Expr]| parts.iter().map(normalised).collect::<Vec<_>>();
    match expr {
        Expr::All(all) if all.is_empty() => everything(),
        Expr::Any(any) if any.is_empty() => not(everything()),
        Expr::All(one) | Expr::Any(one) if one.len() == 1 => normalised(&one[0]),
        Expr::All(all) => Expr::All(parts(all)),
        Expr::Any(any) => Expr::Any(parts(any)),
        Expr::Not(inner) => not(normalised(inner)),
        Expr::Term(Term::Words { words, phrase }) => {
            let single =
                |word: &Word| Expr::Term(Term::Words { words: vec![word.clone()], phrase: false });
            match words.as_slice() {
                [word] => single(word),
                _ if *phrase => expr.clone(),
                words => Expr::All(words.iter().map(single).collect()),
            }
        }
        Expr::Term(term) => Expr::Term(term.clone()),
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "", "vip", "30", "true", "null", "-", "and", "a b", "*", "\\", "\"", ")", "=x"
        ])
        .prop_map(ToOwned::to_owned),
        "[a-c \"\\\\*():=<>!.äß\n𝄞-]{0,6}",
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![text().prop_map(Pattern::Exact), vec(text(), 2..4).prop_map(Pattern::Wild),]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        select(vec![0.0, -0.0, 30.0, -1.5, 1e300, 5e-324, f64::MAX]),
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn attribute_term() -> impl Strategy<Value = Term> {
    let equality = || select(vec![Comparison::Equal, Comparison::NotEqual]);
    let compared = prop_oneof![
        (comparison(), number().prop_map(Operand::Number)),
        (comparison(), text().prop_map(|text| Operand::Text(Pattern::Exact(text)))),
        (equality(), pattern().prop_map(Operand::Text)),
        (equality(), any::<bool>().prop_map(Operand::Bool)),
        (equality(), Just(Operand::Null)),
    ];
    let key = prop_oneof![text(), select(vec!["tag", "attributes", "age"]).prop_map(Into::into)];
    (key, compared).prop_map(|(key, (comparison, operand))| Term::Attribute {
        key,
        comparison,
        operand,
    })
}

fn words_term() -> impl Strategy<Value = Term> {
    let texts = vec!["and", "or", "not", "green", "te", "30", "true", "東", "жук"];
    let word = (select(texts), any::<bool>())
        .prop_map(|(text, prefix)| Word { text: text.to_owned(), prefix });
    (vec(word, 1..4), any::<bool>()).prop_map(|(words, phrase)| Term::Words { words, phrase })
}

fn term() -> impl Strategy<Value = Term> {
    let statuses = vec![Status::Synced, Status::Pending, Status::Conflict, Status::Rejected];
    // Instants of the years 0 to 9999, some of them midnights.
    let millis = || {
        prop_oneof![
            -62_167_219_200_000..253_402_300_800_000_i64,
            (-719_528..2_932_897_i64).prop_map(|day| day * 86_400_000)
        ]
    };
    let signal = text().prop_filter("a signal has a name", |signal| !signal.is_empty());
    prop_oneof![
        1 => pattern().prop_map(Term::Tag),
        1 => pattern().prop_map(Term::Id),
        1 => pattern().prop_map(Term::Name),
        1 => select(statuses).prop_map(Term::Status),
        1 => text().prop_map(Term::Has),
        4 => attribute_term(),
        1 => (signal, proptest::option::of((comparison(), number())))
            .prop_map(|(signal, test)| Term::Observed { signal, test }),
        1 => millis().prop_map(Term::After),
        1 => millis().prop_map(Term::Before),
        1 => (comparison(), millis()).prop_map(|(comparison, at)| Term::Changed(comparison, at)),
        1 => (comparison(), number()).prop_map(|(comparison, n)| Term::Observations(comparison, n)),
        1 => (select(vec!["openness", "bfi.openness", "größe_2"]), comparison(), number()).prop_map(
            |(name, comparison, value)| Term::Score { name: name.to_owned(), comparison, value }
        ),
        4 => words_term(),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    term().prop_map(Expr::Term).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Expr::All),
            vec(inner.clone(), 0..4).prop_map(Expr::Any),
            inner.prop_map(not),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_parses_to_itself(expr in expr()) {
        let text = expr.to_string();
        let parsed = parse(&text).unwrap_or_else(|e| panic!("{}\n{e}", e.caret(&text)));
        let expected = if expr.is_everything() { expr.clone() } else { normalised(&expr) };
        prop_assert_eq!(&parsed, &expected, "{}", text);
        prop_assert_eq!(&parsed.to_string(), &text);

        let mut facts = RecordFacts::default();
        facts.begin("vip");
        facts.tag("a b");
        facts.attribute("age", Scalar::Number(30.0, "30"));
        facts.attribute("", Scalar::Text("*"));
        facts.notes("green te and 30, not true or 東");
        facts.stand(Status::Pending, 0);
        prop_assert_eq!(facts.matches(&parsed), facts.matches(&expr), "{}", text);
    }
}
