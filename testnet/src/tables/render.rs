//! Tables as Markdown has them.

use std::fmt;
use std::time::Duration;

/// A table with a title.
pub(crate) struct Grid {
    title: String,
    notes: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn new<T: Into<String>>(
        title: impl Into<String>,
        heads: impl IntoIterator<Item = T>,
    ) -> Self {
        let heads = heads.into_iter().map(Into::into).collect();
        Self { title: title.into(), notes: Vec::new(), rows: vec![heads] }
    }

    /// A line between title and table.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "### {}\n", self.title)?;
        for note in &self.notes {
            writeln!(formatter, "{note}\n")?;
        }
        for (number, row) in self.rows.iter().enumerate() {
            writeln!(formatter, "| {} |", row.join(" | "))?;
            if number == 0 {
                writeln!(formatter, "|{}", "---|".repeat(row.len()))?;
            }
        }
        writeln!(formatter)
    }
}

/// The value below which that share of the values lies; `None` when there are none.
pub(crate) fn quantile(values: &mut [Duration], share: f64) -> Option<Duration> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * share).ceil() as usize).copied()
}

/// Seconds with two decimals.
pub(super) fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()))
}
