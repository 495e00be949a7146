//! How often a page makes its reader ask for memory. A process of its own, with an allocator that
//! counts; one test, so that nothing else counts along.
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::{PageReader, ScrapeConfig};
use model::Labels;
use model::names::Scheme;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: Everything is the system allocator's; a number is counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: The caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: The caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: The caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FAMILIES: usize = 20;

/// The ways to write a page that take their own paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As most exporters write it.
    Plain,
    /// Names in quotes, in the braces.
    Quoted,
    /// OpenMetrics, with an exemplar at each sample.
    Exemplars,
}

impl Style {
    fn content_type(self) -> &'static str {
        match self {
            Self::Plain | Self::Quoted => "text/plain; version=0.0.4",
            Self::Exemplars => "application/openmetrics-text; version=1.0.0",
        }
    }

    /// A page of counters; some of its series are called otherwise in each generation.
    fn page(self, series: usize, changing: usize, generation: u32) -> String {
        let mut page = String::new();
        for family in 0..FAMILIES {
            let name = match self {
                Self::Plain => format!("requests_{family}_total"),
                Self::Quoted => format!("\"requests.{family}.total\""),
                Self::Exemplars => format!("requests_{family}"),
            };
            writeln!(page, "# HELP {name} Requests.\n# TYPE {name} counter").expect("a string");
            for number in 0..series / FAMILIES {
                let of_all = family * series / FAMILIES + number;
                let version = if of_all < changing { generation } else { 0 };
                let labels = format!("handler=\"/api/v1/{number}\",version=\"{version}\"");
                let value = of_all as f64 * 1234.5 + f64::from(generation);
                match self {
                    Self::Plain => writeln!(page, "{name}{{{labels}}} {value}"),
                    Self::Quoted => writeln!(page, "{{{name},{labels}}} {value}"),
                    Self::Exemplars => writeln!(
                        page,
                        "{name}_total{{{labels}}} {value} # {{trace_id=\"{of_all}\"}} 0.5"
                    ),
                }
                .expect("a string");
            }
        }
        if self == Self::Exemplars {
            page += "# EOF\n";
        }
        page
    }
}

/// Allocations while the reader reads a page, and samples that it finds.
fn allocations(reader: &mut PageReader, page: &str, style: Style, at: i64) -> (usize, usize) {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let batches = reader.read(page.as_bytes(), Some(style.content_type()), at);
    let counted = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let batches = batches.expect("the page is well-formed");
    (counted, batches.iter().map(|batch| batch.samples.len()).sum())
}

#[test]
fn a_sample_costs_no_allocation_and_neither_does_a_series() {
    let styles = [Style::Plain, Style::Quoted, Style::Exemplars];
    for (style, series) in styles.into_iter().flat_map(|s| [500, 5_000, 50_000].map(|n| (s, n))) {
        let labels = Labels::from_pairs([("instance", "db-1.example.org:9100"), ("job", "node")]);
        let config = ScrapeConfig { name_validation: Scheme::Utf8, ..ScrapeConfig::default() };
        let mut reader = PageReader::new(Arc::new(config), labels);
        let mut read = |changing, generation| {
            let page = style.page(series, changing, generation);
            allocations(&mut reader, &page, style, 1_000 * i64::from(generation))
        };
        let (first, samples) = read(0, 1);
        assert_eq!(samples, series);
        let (again, _) = read(0, 2);
        let (changed, samples) = read(series / 10, 3);
        assert_eq!(samples, series + series / 10, "the series that are gone get their markers");
        // Each batch of thousands has buffers, which double while they grow; each family a name.
        let told = format!("{style:?}, {series} series: {first} first, {again} again, {changed}");
        assert!(again <= 50 + series / 100, "{told}");
        assert!(first <= 200 + series / 100, "{told}");
        assert!(changed <= 200 + series / 100, "{told}");
    }
}
