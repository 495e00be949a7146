//! A CPU profile in the protobuf of `profile.proto`, which every tool reads. The message is small
//! and written once, so it is put together by hand.

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Where a thread was, innermost function first, and how often it was seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) frames: Vec<Place>,
    pub(super) thread: String,
    pub(super) count: i64,
}

/// A place in the program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) function: String,
    pub(super) file: String,
    pub(super) line: i64,
}

/// The profile of `stacks`, each count standing for `period` nanoseconds.
pub(super) fn encode(stacks: &[Stack], period: i64, unix_nanos: i64, nanos: i64) -> Vec<u8> {
    let mut strings = Strings::default();
    strings.id("");
    let mut functions: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut locations: BTreeMap<(u64, i64), u64> = BTreeMap::new();
    let mut out = Message::default();
    for (kind, unit) in [("samples", "count"), ("cpu", "nanoseconds")] {
        out.message(1, value_type(&mut strings, kind, unit));
    }
    let thread_key = strings.id("thread");
    for stack in stacks {
        let mut ids = Vec::with_capacity(stack.frames.len());
        for place in &stack.frames {
            let name = (strings.id(&place.function), strings.id(&place.file));
            let next = functions.len() as u64 + 1;
            let function = *functions.entry(name).or_insert(next);
            let next = locations.len() as u64 + 1;
            ids.push(*locations.entry((function, place.line)).or_insert(next));
        }
        let mut label = Message::default();
        label.number(1, thread_key);
        label.number(2, strings.id(&stack.thread));
        let mut sample = Message::default();
        sample.packed(1, ids);
        let nanos = stack.count.saturating_mul(period);
        sample.packed(2, [stack.count.cast_unsigned(), nanos.cast_unsigned()]);
        sample.message(3, label);
        out.message(2, sample);
    }
    for ((function, line), id) in locations {
        let mut of_line = Message::default();
        of_line.number(1, function);
        of_line.number(2, line.cast_unsigned());
        let mut location = Message::default();
        location.number(1, id);
        location.message(4, of_line);
        out.message(4, location);
    }
    for ((name, file), id) in functions {
        let mut function = Message::default();
        function.number(1, id);
        function.number(2, name);
        function.number(3, name);
        function.number(4, file);
        out.message(5, function);
    }
    let period_type = value_type(&mut strings, "cpu", "nanoseconds");
    for string in &strings.in_order {
        out.bytes(6, string.as_bytes());
    }
    out.number(9, unix_nanos.cast_unsigned());
    out.number(10, nanos.cast_unsigned());
    out.message(11, period_type);
    out.number(12, period.cast_unsigned());
    out.0
}

fn value_type(strings: &mut Strings, kind: &str, unit: &str) -> Message {
    let mut value_type = Message::default();
    value_type.number(1, strings.id(kind));
    value_type.number(2, strings.id(unit));
    value_type
}

/// The table of texts, each once.
#[derive(Default)]
struct Strings {
    ids: BTreeMap<String, u64>,
    in_order: Vec<String>,
}

impl Strings {
    fn id(&mut self, text: &str) -> u64 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.in_order.len() as u64;
        self.ids.insert(text.to_owned(), id);
        self.in_order.push(text.to_owned());
        id
    }
}

/// A protobuf message while it is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: Self) {
        self.bytes(field, &message.0);
    }

    fn packed(&mut self, field: u64, numbers: impl IntoIterator<Item = u64>) {
        let mut packed = Self::default();
        numbers.into_iter().for_each(|number| packed.varint(number));
        self.message(field, packed);
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}
