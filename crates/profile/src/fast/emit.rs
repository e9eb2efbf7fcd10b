//! Checks a tape against a plan and writes the canonical form, in one walk.

use super::plan::{ElementsPlan, Form, ObjectPlan, Plan, SLOTS_MAX, TextPlan};
use super::tape::{Kind, View};
use super::{Placed, compare};
use crate::canonical::{compare_utf16, write_derived_key};
use crate::instant::Instant;

/// For each member of an object plan its value's node, plus one; 0 where it is absent.
type Slots = [u32; SLOTS_MAX];

/// A slot that holds the element's derived key.
const DERIVED: u32 = u32::MAX;

/// Which of the collected nodes belong to a member of the record.
type Range = (u32, u32);

#[derive(Debug, Default)]
pub(crate) struct Emitter {
    record: Slots,
    ranges: [Range; SLOTS_MAX],
    names: Names,
    items: Vec<u32>,
    pairs: Vec<(u32, u32)>,
    elements: Vec<Element>,
    order: Vec<Placed>,
    keys: String,
    content: Vec<u8>,
}

/// Slots of the members that lists are made of.
#[derive(Debug, Default)]
struct Names {
    tags: usize,
    attributes: usize,
    observations: usize,
    signal: usize,
    value: usize,
}

#[derive(Debug)]
struct Element {
    slots: Slots,
    at: Option<Instant>,
    /// The derived key in `keys`.
    key: (u32, u32),
}

impl Emitter {
    /// Writes a record; `None` where it has to be looked at more carefully. `out` may hold a part
    /// of it then.
    pub(crate) fn record(
        &mut self,
        plan: &ObjectPlan,
        view: View<'_>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        self.items.clear();
        self.pairs.clear();
        self.elements.clear();
        self.order.clear();
        self.keys.clear();
        self.ranges = [(0, 0); SLOTS_MAX];
        self.record = slots(plan, view, 0)?;
        out.push(b'{');
        let mut first = true;
        for (slot, member) in plan.members.iter().enumerate() {
            let Some(node) = self.record[slot].checked_sub(1).map(|node| node as usize) else {
                continue;
            };
            let is_empty = match view.node(node).kind {
                Kind::Array | Kind::Object => view.node(node).next as usize == node + 1,
                Kind::Text => view.text(view.node(node).text).is_empty(),
                _ => false,
            };
            if member.drop_empty && is_empty && fits_kind(&member.plan, view.node(node).kind) {
                continue;
            }
            separate(&mut first, out);
            write_name(&member.name, out);
            match &member.plan {
                Plan::Map { members_max, name_min, name_max, value } => {
                    let from = self.pairs.len();
                    let limits = (*members_max, *name_min, *name_max);
                    self.map(view, node, limits, value, out)?;
                    self.ranges[slot] = range(from, self.pairs.len());
                }
                Plan::Texts { items_max, item } => {
                    let from = self.items.len();
                    self.texts(view, node, *items_max, item, out)?;
                    self.ranges[slot] = range(from, self.items.len());
                }
                Plan::Elements(elements) => {
                    let from = self.order.len();
                    self.elements(view, node, elements, out)?;
                    self.ranges[slot] = range(from, self.order.len());
                    if member.name == "observations" {
                        let inner = |name: &str| place(&elements.item, name);
                        (self.names.signal, self.names.value) = (inner("signal"), inner("value"));
                    }
                }
                plan => write_value(plan, view, node, out)?,
            }
            match member.name.as_str() {
                "tags" => self.names.tags = slot,
                "attributes" => self.names.attributes = slot,
                "observations" => self.names.observations = slot,
                _ => {}
            }
        }
        out.push(b'}');
        Some(())
    }

    /// The node of a member's value, of the record that was written last.
    pub(crate) fn member(&self, plan: &ObjectPlan, name: &str) -> Option<usize> {
        let slot = plan.members.iter().position(|member| member.name == name)?;
        self.record[slot].checked_sub(1).map(|node| node as usize)
    }

    /// Nodes of the tags, in order.
    pub(crate) fn tags(&self) -> &[u32] {
        let (from, to) = self.ranges[self.names.tags];
        self.items.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Nodes of the attributes' names and values, in order.
    pub(crate) fn attributes(&self) -> &[(u32, u32)] {
        let (from, to) = self.ranges[self.names.attributes];
        self.pairs.get(from as usize..to as usize).unwrap_or_default()
    }

    /// Nodes of each observation's signal and value, and its instant in milliseconds since 1970.
    pub(crate) fn observations(&self, mut each: impl FnMut(usize, usize, i64)) {
        let (from, to) = self.ranges[self.names.observations];
        for placed in self.order.get(from as usize..to as usize).unwrap_or_default() {
            let slots = &self.elements[placed.slots as usize].slots;
            let node = |slot: usize| slots[slot].checked_sub(1).map(|node| node as usize);
            if let (Some(signal), Some(value), Some(at)) =
                (node(self.names.signal), node(self.names.value), placed.at)
            {
                each(signal, value, at.unix_millis());
            }
        }
    }

    fn map(
        &mut self,
        view: View<'_>,
        node: usize,
        (members_max, name_min, name_max): (usize, usize, usize),
        plan: &Plan,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        (view.node(node).kind == Kind::Object).then_some(())?;
        let from = self.pairs.len();
        for (name, value) in view.members(node) {
            let limits = TextPlan { min: name_min, max: name_max, form: Form::Any };
            fits(&limits, view.text(view.node(name).text)).then_some(())?;
            self.pairs.push((index(name)?, index(value)?));
        }
        let pairs = &mut self.pairs[from..];
        (pairs.len() <= members_max).then_some(())?;
        let name = |pair: &(u32, u32)| view.text(view.node(pair.0 as usize).text);
        if !pairs.is_sorted_by(|a, b| compare_utf16(name(a), name(b)).is_lt()) {
            pairs.sort_by(|a, b| compare_utf16(name(a), name(b)));
            pairs.windows(2).all(|two| name(&two[0]) != name(&two[1])).then_some(())?;
        }
        out.push(b'{');
        let mut first = true;
        for (name, value) in &self.pairs[from..] {
            separate(&mut first, out);
            write_text(view, *name as usize, out);
            out.push(b':');
            write_value(plan, view, *value as usize, out)?;
        }
        out.push(b'}');
        Some(())
    }

    fn texts(
        &mut self,
        view: View<'_>,
        node: usize,
        items_max: usize,
        item: &TextPlan,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        (view.node(node).kind == Kind::Array).then_some(())?;
        let from = self.items.len();
        for child in view.children(node) {
            let is_text = view.node(child).kind == Kind::Text;
            (is_text && fits(item, view.text(view.node(child).text))).then_some(())?;
            self.items.push(index(child)?);
        }
        let items = &mut self.items[from..];
        (items.len() <= items_max).then_some(())?;
        let text = |node: &u32| view.text(view.node(*node as usize).text);
        if !items.is_sorted_by(|a, b| compare_utf16(text(a), text(b)).is_lt()) {
            items.sort_by(|a, b| compare_utf16(text(a), text(b)));
            items.windows(2).all(|two| text(&two[0]) != text(&two[1])).then_some(())?;
        }
        out.push(b'[');
        let mut first = true;
        for item in &self.items[from..] {
            separate(&mut first, out);
            write_text(view, *item as usize, out);
        }
        out.push(b']');
        Some(())
    }

    fn elements(
        &mut self,
        view: View<'_>,
        node: usize,
        plan: &ElementsPlan,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        (view.node(node).kind == Kind::Array).then_some(())?;
        let from = self.order.len();
        let mut all_derived = true;
        for child in view.children(node) {
            let mut element =
                Element { slots: slots(&plan.item, view, child)?, at: None, key: (0, 0) };
            if let Some(order) = plan.order {
                let node = element.slots[order].checked_sub(1)? as usize;
                element.at = Some(instant(view.text(view.node(node).text))?);
            }
            if element.slots[plan.key] == 0 {
                element.key = self.derive(view, plan, &element.slots)?;
                element.slots[plan.key] = DERIVED;
            } else {
                all_derived = false;
            }
            let placed = Placed { at: element.at, slots: index(self.elements.len())? };
            self.elements.push(element);
            self.order.push(placed);
        }
        (self.order.len() - from <= plan.items_max).then_some(())?;
        let (elements, keys) = (&self.elements, &self.keys);
        let key = |placed: &Placed| {
            let element = &elements[placed.slots as usize];
            match element.slots[plan.key] {
                DERIVED => &keys[element.key.0 as usize..element.key.1 as usize],
                node => view.text(view.node(node as usize - 1).text),
            }
        };
        let order = &mut self.order[from..];
        if !order.is_sorted_by(|a, b| compare((a.at, key(a)), (b.at, key(b))).is_lt()) {
            order.sort_by(|a, b| compare((a.at, key(a)), (b.at, key(b))));
            // The same element twice, or two with one key: the careful reader knows which.
            order.windows(2).all(|two| key(&two[0]) != key(&two[1])).then_some(())?;
        }
        if !all_derived && plan.order.is_some() {
            // Keys that were given may repeat at another instant.
            let mut given: Vec<&str> = order.iter().map(key).collect();
            given.sort_unstable();
            given.windows(2).all(|two| two[0] != two[1]).then_some(())?;
        }
        out.push(b'[');
        let mut first = true;
        for placed in &self.order[from..] {
            separate(&mut first, out);
            let element = &self.elements[placed.slots as usize];
            let key = &self.keys[element.key.0 as usize..element.key.1 as usize];
            write_object(&plan.item, &element.slots, key, view, out)?;
        }
        out.push(b']');
        Some(())
    }

    /// Makes the key of an element that came without one.
    fn derive(&mut self, view: View<'_>, plan: &ElementsPlan, slots: &Slots) -> Option<(u32, u32)> {
        (!plan.derive.is_empty()).then_some(())?;
        self.content.clear();
        self.content.push(b'[');
        let mut first = true;
        for slot in &plan.derive {
            separate(&mut first, &mut self.content);
            let member = &plan.item.members[*slot];
            let node = slots[*slot].checked_sub(1).map(|node| node as usize);
            match node {
                Some(node) if !is_default(member.default.as_deref(), view, node)? => {
                    write_value(&member.plan, view, node, &mut self.content)?;
                }
                _ => self.content.extend_from_slice(b"null"),
            }
        }
        self.content.push(b']');
        let from = self.keys.len();
        write_derived_key(&plan.name, &self.content, &mut self.keys);
        Some(range(from, self.keys.len()))
    }
}

fn place(plan: &ObjectPlan, name: &str) -> usize {
    plan.members.iter().position(|member| member.name == name).unwrap_or_default()
}

fn index(at: usize) -> Option<u32> {
    u32::try_from(at).ok()
}

#[expect(clippy::cast_possible_truncation, reason = "nodes are counted in 32 bits")]
fn range(from: usize, to: usize) -> (u32, u32) {
    (from as u32, to as u32)
}

/// Whether an empty value of this kind is what the plan asks for, rather than a wrong type.
fn fits_kind(plan: &Plan, kind: Kind) -> bool {
    match plan {
        Plan::Map { .. } => kind == Kind::Object,
        Plan::Texts { .. } | Plan::Elements(_) => kind == Kind::Array,
        Plan::Text(text) => kind == Kind::Text && text.min == 0,
        _ => false,
    }
}

/// Sorts the members of an object into their slots: every name known, none twice, none missing.
fn slots(plan: &ObjectPlan, view: View<'_>, node: usize) -> Option<Slots> {
    (view.node(node).kind == Kind::Object).then_some(())?;
    let mut slots = [0; SLOTS_MAX];
    let mut next = 0;
    for (name, value) in view.members(node) {
        let name = view.text(view.node(name).text);
        // Files repeat one order of members: the name after the last one is the likely one.
        let slot = match plan.members.get(next) {
            Some(member) if member.name == name => next,
            _ => plan.members.iter().position(|member| member.name == name)?,
        };
        next = slot + 1;
        (slots[slot] == 0).then_some(())?;
        slots[slot] = index(value)? + 1;
    }
    let missing = |(member, slot): (&super::plan::MemberPlan, &u32)| member.required && *slot == 0;
    (!plan.members.iter().zip(&slots).any(missing)).then_some(slots)
}

fn is_default(default: Option<&str>, view: View<'_>, node: usize) -> Option<bool> {
    let Some(default) = default else { return Some(false) };
    // Only numbers have defaults today.
    (view.node(node).kind == Kind::Number).then(|| view.text(view.node(node).text) == default)
}

fn separate(first: &mut bool, out: &mut Vec<u8>) {
    if !*first {
        out.push(b',');
    }
    *first = false;
}

/// A name of the schema: ASCII, without anything to escape.
fn write_name(name: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_text(view: View<'_>, node: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(view.text(view.node(node).canonical).as_bytes());
    out.push(b'"');
}

fn write_object(
    plan: &ObjectPlan,
    slots: &Slots,
    key: &str,
    view: View<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    out.push(b'{');
    let mut first = true;
    for (member, slot) in plan.members.iter().zip(slots) {
        let node = match *slot {
            0 => continue,
            DERIVED => {
                separate(&mut first, out);
                write_name(&member.name, out);
                out.push(b'"');
                out.extend_from_slice(key.as_bytes());
                out.push(b'"');
                continue;
            }
            node => node as usize - 1,
        };
        if is_default(member.default.as_deref(), view, node)? {
            continue;
        }
        separate(&mut first, out);
        write_name(&member.name, out);
        write_value(&member.plan, view, node, out)?;
    }
    out.push(b'}');
    Some(())
}

/// Checks a value without a range of its own and writes it.
fn write_value(plan: &Plan, view: View<'_>, node: usize, out: &mut Vec<u8>) -> Option<()> {
    let value = view.node(node);
    let text = view.text(value.text);
    match (plan, value.kind) {
        (Plan::Const(constant), Kind::Text) => {
            (constant == text).then_some(())?;
            write_text(view, node, out);
        }
        (Plan::Text(limits), Kind::Text) => {
            fits(limits, text).then_some(())?;
            write_text(view, node, out);
        }
        (Plan::Scalar { text_max }, Kind::Text) => {
            (text.len() <= *text_max || text.chars().count() <= *text_max).then_some(())?;
            write_text(view, node, out);
        }
        (Plan::Instant, Kind::Text) => {
            out.push(b'"');
            if Instant::parse_plain(text).is_some() {
                out.extend_from_slice(text.as_bytes());
            } else {
                out.extend_from_slice(instant(text)?.to_string().as_bytes());
            }
            out.push(b'"');
        }
        (Plan::Integer { min, max }, Kind::Number) => {
            let integer: i64 = text.parse().ok()?;
            (*min..=*max).contains(&integer).then_some(())?;
            out.extend_from_slice(text.as_bytes());
        }
        (Plan::Number | Plan::Scalar { .. }, Kind::Number)
        | (Plan::Boolean | Plan::Scalar { .. }, Kind::True | Kind::False)
        | (Plan::Scalar { .. }, Kind::Null) => {
            out.extend_from_slice(text.as_bytes());
        }
        (Plan::Object(inner), Kind::Object) => {
            write_object(inner, &slots(inner, view, node)?, "", view, out)?;
        }
        _ => return None,
    }
    Some(())
}

fn fits(limits: &TextPlan, text: &str) -> bool {
    // A character has at least one byte, so most texts need no counting.
    let short = text.len() <= limits.max || text.chars().count() <= limits.max;
    let long = limits.min <= usize::from(!text.is_empty()) || text.chars().count() >= limits.min;
    short && long && fits_form(&limits.form, text)
}

fn fits_form(form: &Form, text: &str) -> bool {
    match form {
        Form::Any => true,
        Form::Id { reserved } => {
            let bytes = text.as_bytes();
            let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._:@-".contains(b);
            bytes.first().is_some_and(u8::is_ascii_alphanumeric)
                && bytes.len() <= 128
                && bytes.iter().all(allowed)
                && !reserved.iter().any(|word| word == text)
        }
        Form::Blake3 => text.strip_prefix("blake3:").is_some_and(|digits| {
            digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }),
    }
}

/// An instant in the form of the schema.
fn instant(text: &str) -> Option<Instant> {
    if let Some(plain) = Instant::parse_plain(text) {
        return Some(plain);
    }
    has_the_form(text.as_bytes()).then_some(())?;
    Instant::parse(text).ok()
}

/// Whether a text has the shape of the schema's pattern; whether its parts are in range is seen when
/// it is read.
fn has_the_form(bytes: &[u8]) -> bool {
    let Some((stem, rest)) = bytes.split_at_checked(19) else { return false };
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(b, s): (&u8, &u8)| if *s == b'd' { b.is_ascii_digit() } else { b == s };
    // The one part that a reader of instants takes further than the pattern: the leap second.
    if !stem.iter().zip(shape).all(fits) || stem[17] > b'5' {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
    };
    match rest {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let hours_fit = matches!((h1, h2), (b'0' | b'1', b'0'..=b'9') | (b'2', b'0'..=b'3'));
            hours_fit && matches!((m1, m2), (b'0'..=b'5', b'0'..=b'9'))
        }
        _ => false,
    }
}
