//! A label set while rules are at work on it.

use crate::labels::{LabelsRef, encode_label_bytes, take_label};

/// A text: a range of the encoded input, or of what the rules have written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    start: u32,
    end: u32,
    written: bool,
}

/// A label. One that is removed or replaced stays in its place, dead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: Text,
    pub(super) value: Text,
    /// The whole label in the encoding of the input, if it came from there.
    encoded: (u32, u32),
    live: bool,
}

/// What a draft is kept in, reused from one to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    entries: Vec<Entry>,
    written: String,
}

/// A label set being rewritten.
///
/// The input is read in place until a rule writes; only then it is taken apart. The order of the
/// labels is the order that Prometheus visits them in (`labelmap` onto one name by several labels
/// keeps the last): those of the input that nobody touched, by name, then those written, in order
/// of their first writing.
pub(super) struct Draft<'i, 'm> {
    input: LabelsRef<'i>,
    entries: &'m mut Vec<Entry>,
    written: &'m mut String,
    /// Entries that came from the input; 0 before it is taken apart.
    from_input: usize,
    is_open: bool,
    is_changed: bool,
}

impl<'i, 'm> Draft<'i, 'm> {
    pub(super) fn new(input: LabelsRef<'i>, memory: &'m mut Memory) -> Self {
        let Memory { entries, written } = memory;
        entries.clear();
        written.clear();
        Self { input, entries, written, from_input: 0, is_open: false, is_changed: false }
    }

    /// The value of a label; empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        if !self.is_open {
            return self.input.get(name).unwrap_or("");
        }
        self.position(name).map_or("", |index| self.text(self.entries[index].value))
    }

    /// Writes a label; an empty value removes it.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return self.remove(name);
        }
        self.open();
        let Some(index) = self.position(name) else {
            let (name, value) = (self.write(name), self.write(value));
            self.entries.push(Entry { name, value, encoded: (0, 0), live: true });
            self.is_changed = true;
            return;
        };
        let mut entry = self.entries[index];
        if self.text(entry.value) != value {
            entry.value = self.write(value);
            self.is_changed = true;
        }
        if index < self.from_input {
            self.entries[index].live = false;
            self.entries.push(entry);
        } else {
            self.entries[index] = entry;
        }
    }

    /// Removes a label, if there is one.
    pub(super) fn remove(&mut self, name: &str) {
        self.open();
        if let Some(index) = self.position(name) {
            self.entries[index].live = false;
            self.is_changed = true;
        }
    }

    /// Removes the labels whose name is chosen.
    pub(super) fn remove_where(&mut self, mut chosen: impl FnMut(&str) -> bool) {
        self.open();
        for index in 0..self.entries.len() {
            let entry = self.entries[index];
            if entry.live && chosen(self.text(entry.name)) {
                self.entries[index].live = false;
                self.is_changed = true;
            }
        }
    }

    /// The labels as they are now, which later writing does not affect.
    pub(super) fn snapshot(&mut self, into: &mut Vec<Entry>) {
        self.open();
        into.clear();
        into.extend(self.entries.iter().filter(|entry| entry.live));
    }

    /// The text in an entry of this draft.
    pub(super) fn text(&self, text: Text) -> &str {
        let range = text.start as usize..text.end as usize;
        if text.written {
            &self.written[range]
        } else {
            // The range was taken from a string of the input, so it is one still.
            std::str::from_utf8(&self.input.as_encoded()[range]).unwrap_or("")
        }
    }

    /// Encodes the labels into `out`, if they are not those of the input.
    pub(super) fn encode_if_changed(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.is_changed {
            return false;
        }
        let Self { input, entries, written, .. } = self;
        let input = input.as_encoded();
        let bytes = |text: Text| {
            let range = text.start as usize..text.end as usize;
            if text.written { &written.as_bytes()[range] } else { &input[range] }
        };
        // The labels of the input are in order; only what was written has to be sorted in.
        let (untouched, added) = entries.split_at_mut(self.from_input);
        added.sort_unstable_by(|a, b| bytes(a.name).cmp(bytes(b.name)));
        let mut added = added.iter().filter(|entry| entry.live).peekable();
        out.clear();
        for entry in untouched.iter().filter(|entry| entry.live) {
            while let Some(before) = added.next_if(|next| bytes(next.name) < bytes(entry.name)) {
                encode_label_bytes(out, bytes(before.name), bytes(before.value));
            }
            let (start, end) = entry.encoded;
            out.extend_from_slice(&input[start as usize..end as usize]);
        }
        for entry in added {
            encode_label_bytes(out, bytes(entry.name), bytes(entry.value));
        }
        out.as_slice() != self.input.as_encoded()
    }

    fn open(&mut self) {
        if self.is_open {
            return;
        }
        self.is_open = true;
        let base = self.input.as_encoded().as_ptr().addr();
        let text = |bytes: &[u8]| {
            let start = bytes.as_ptr().addr() - base;
            Text { start: narrow(start), end: narrow(start + bytes.len()), written: false }
        };
        let mut rest = self.input.as_encoded();
        while !rest.is_empty() {
            let start = text(rest).start;
            let (name, value) = take_label(&mut rest);
            let (name, value) = (text(name), text(value));
            let encoded = (start, value.end);
            self.entries.push(Entry { name, value, encoded, live: true });
        }
        self.from_input = self.entries.len();
    }

    fn position(&self, name: &str) -> Option<usize> {
        // Backwards: what rules wrote, rules read.
        self.entries.iter().rposition(|entry| entry.live && self.is_text(entry.name, name))
    }

    fn is_text(&self, text: Text, expected: &str) -> bool {
        let range = text.start as usize..text.end as usize;
        let bytes = if text.written { self.written.as_bytes() } else { self.input.as_encoded() };
        range.len() == expected.len() && &bytes[range] == expected.as_bytes()
    }

    fn write(&mut self, text: &str) -> Text {
        let start = self.written.len();
        self.written.push_str(text);
        Text { start: narrow(start), end: narrow(self.written.len()), written: true }
    }
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).expect("a label set is far smaller than 4 GiB")
}
