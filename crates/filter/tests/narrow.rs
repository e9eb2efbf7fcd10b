//! Values that are clicked become parts of the text, and are found in it again.

use kartei_filter::{Expr, Narrow, Operand, Pattern, Status, Subject, narrow, parse};

fn tag(name: &str) -> Expr {
    Expr::tag(name)
}

fn city(name: &str) -> Expr {
    Expr::attribute("city", Operand::Text(Pattern::Exact(name.to_owned())))
}

#[track_caller]
fn check(text: &str, value: &Expr, how: Narrow, expected: &str) {
    let narrowed = narrow(text, value, how).expect("the text is a filter");
    assert_eq!(narrowed, expected);
    parse(&narrowed).expect("what is written is a filter");
}

#[test]
fn values_of_a_facet_are_joined_with_or_and_taken_out_again() {
    check("", &tag("vip"), Narrow::Any, "tag:vip");
    check("tag:vip", &tag("new"), Narrow::Any, "(tag:vip or tag:new)");
    check("tag:vip", &tag("vip"), Narrow::Any, "tag:vip");
    check(
        "(tag:vip or tag:new)",
        &tag("two words"),
        Narrow::Any,
        "(tag:vip or tag:new or tag:\"two words\")",
    );
    check("tag:vip or tag:new", &tag("old"), Narrow::Any, "(tag:vip or tag:new or tag:old)");
    check("(tag:vip or tag:new)", &tag("vip"), Narrow::Drop, "tag:new");
    check("tag:new", &tag("new"), Narrow::Drop, "");
    check("age>=30", &tag("new"), Narrow::Drop, "age>=30");
}

#[test]
fn other_parts_stay_as_they_were_typed() {
    check("age>=30  and anna", &city("Bern"), Narrow::Any, "age>=30 anna attributes.city:\"Bern\"");
    check("age>=30 or vip=true", &tag("new"), Narrow::Any, "(age>=30 or vip=true) tag:new");
    check("(age>=30 or tag:vip)", &tag("new"), Narrow::Any, "(age>=30 or tag:vip) tag:new");
    check("tag:v*", &tag("new"), Narrow::Any, "tag:v* tag:new");
}

#[test]
fn excluding_a_value_takes_it_out_of_what_is_chosen() {
    check("", &tag("vip"), Narrow::Not, "-tag:vip");
    check("(tag:vip or tag:new)", &tag("vip"), Narrow::Not, "tag:new -tag:vip");
    check("-tag:vip", &tag("vip"), Narrow::Not, "-tag:vip");
    check("not tag:vip", &tag("vip"), Narrow::Drop, "");
    check("-tag:vip", &tag("vip"), Narrow::Any, "tag:vip");
}

#[test]
fn a_cell_narrows_what_is_chosen_already() {
    check("tag:vip", &tag("new"), Narrow::All, "tag:vip tag:new");
    check("tag:vip tag:new", &tag("new"), Narrow::All, "tag:vip tag:new");
}

#[test]
fn that_an_attribute_is_missing_is_a_value_of_it() {
    let none = Expr::without_attribute("city");
    check("", &none, Narrow::Any, "-has:city");
    check("-has:city", &city("Bern"), Narrow::Any, "(-has:city or attributes.city:\"Bern\")");
    check("-has:city", &none, Narrow::Not, "has:city");
    check("-has:city", &none, Narrow::Drop, "");
}

#[test]
fn texts_that_look_like_something_else_stay_texts() {
    let text = |value: &str| Expr::attribute("k", Operand::Text(Pattern::Exact(value.to_owned())));
    for value in ["12", "true", "null", "a*b", "say \"hi\"", "", " "] {
        let narrowed = narrow("", &text(value), Narrow::Any).expect("a filter");
        assert_eq!(parse(&narrowed).expect("a filter"), text(value), "{narrowed}");
    }
    let number = Expr::attribute("two words", Operand::Number(-0.5));
    check("", &number, Narrow::Any, "attributes.\"two words\"=-0.5");
}

#[test]
fn what_is_chosen_is_found_in_the_text() {
    let expr = parse("(tag:vip or tag:new) -tag:old age>=30 status:pending").expect("a filter");
    let chosen = expr.chosen(&Subject::Tags);
    assert_eq!(chosen.with, [tag("vip"), tag("new")]);
    assert_eq!(chosen.without, [tag("old")]);
    let status = expr.chosen(&Subject::Status);
    assert_eq!(status.with, [Expr::status(Status::Pending)]);
    let age = Subject::Attribute("age".to_owned());
    assert!(expr.chosen(&age).with.is_empty(), "a comparison is no value");
    assert!(parse("").expect("a filter").chosen(&Subject::Tags).with.is_empty());
}

#[test]
fn a_facet_counts_without_the_parts_that_are_about_it_alone() {
    let apart = |text: &str, subject: &Subject| {
        parse(text).expect("a filter").apart_from(subject).to_string()
    };
    let city = Subject::Attribute("city".to_owned());
    assert_eq!(apart("tag:vip -tag:old age>30", &Subject::Tags), "attributes.age>30");
    assert_eq!(apart("tag:vip or tag:old", &Subject::Tags), "");
    assert_eq!(apart("tag:vip or age>30", &Subject::Tags), "tag:vip or attributes.age>30");
    assert_eq!(apart("city:Bern has:city tag:a", &city), "tag:a");
    assert_eq!(apart("anna", &Subject::Tags), "anna");
    assert_eq!(apart("", &Subject::Tags), "");
}

#[test]
fn a_mistake_in_the_text_is_told_and_not_built_upon() {
    assert!(narrow("tag:", &tag("vip"), Narrow::Any).is_err());
}
