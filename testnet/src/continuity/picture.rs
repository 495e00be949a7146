//! Who held each target when, as a picture: pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::course::{Course, Held};
use super::stage::{Event, EventKind};

/// Targets that are drawn: more would be finer than a line on a phone.
const ROWS: usize = 60;
/// The height of a row, and what of it is filled.
const ROW: usize = 7;
const BAR: usize = 5;
/// The width of the picture, and where time begins and ends in it.
const WIDTH: usize = 760;
const LEFT: f64 = 16.0;
const RIGHT: f64 = 744.0;
/// Room for the legend, and for each line of event labels below it.
const LEGEND: usize = 54;
const LABEL: usize = 15;
/// Lines of event labels; more events go without words.
const LABELS: usize = 4;
/// How wide a letter is, about.
const LETTER: f64 = 6.6;

/// Colours that can be told apart, with dark and with bright around them.
const COLOURS: [&str; 12] = [
    "#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#9c755f", "#ff9da7",
    "#86bcb6", "#d37295", "#a0cbe8", "#8cd17d",
];

/// Draws courses: one row a target, time to the right, a colour for each node. `interval` is in
/// milliseconds.
pub fn draw(courses: &[Course], nodes: &[String], events: &[Event], interval: i64) -> String {
    let rows: Vec<&Course> = sample(courses);
    let ticks = || rows.iter().flat_map(|course| &course.ticks).map(|tick| tick.at);
    let (from, until) = (ticks().min().unwrap_or(0), ticks().max().unwrap_or(0) + interval);
    let place = Place { from, span: (until - from).max(1) };
    let labels = Labels::place(events, &place);
    let top = LEGEND + LABEL * labels.lines + 6;
    let height = top + ROW * rows.len() + 26;
    let mut svg = String::new();
    head(&mut svg, height, &format!("{} of {} targets", rows.len(), courses.len()));
    legend(&mut svg, nodes, rows.len(), courses.len());
    bars(&mut svg, &rows, nodes.len(), &place, top, interval);
    labels.draw(&mut svg, LEGEND, top + ROW * rows.len());
    axis(&mut svg, &place, top + ROW * rows.len());
    svg.push_str("</svg>\n");
    svg
}

const WRITES: &str = "a string takes all that is written";

/// What is worst comes first; the rest evenly from all.
fn sample(courses: &[Course]) -> Vec<&Course> {
    if courses.len() <= ROWS {
        return courses.iter().collect();
    }
    let bad =
        |course: &Course| course.missing().next().is_some() || course.doubles().next().is_some();
    let mut chosen: Vec<usize> = (0..courses.len()).filter(|index| bad(&courses[*index])).collect();
    chosen.truncate(ROWS / 2);
    for row in 0..ROWS {
        let index = row * courses.len() / ROWS;
        if chosen.len() < ROWS && !chosen.contains(&index) {
            chosen.push(index);
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|index| &courses[index]).collect()
}

struct Place {
    from: i64,
    span: i64,
}

impl Place {
    fn x(&self, at: i64) -> f64 {
        let share = (at - self.from) as f64 / self.span as f64;
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

fn head(svg: &mut String, height: usize, what: &str) {
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Who held each target when: {what}\">\n<style>\n\
         svg{{font:12px system-ui,sans-serif;--ink:#1f2328;--faint:#59636e;--page:#fff}}\n\
         @media(prefers-color-scheme:dark){{svg{{--ink:#f0f6fc;--faint:#9198a1;--page:#0d1117}}}}\n\
         .page{{fill:var(--page)}} text{{fill:var(--ink)}} .faint{{fill:var(--faint)}}\n\
         path{{fill:none;stroke-width:{BAR}}} .gap{{stroke:#e5484d}} .twice{{stroke:var(--ink)}}\n\
         line{{stroke:var(--faint);stroke-dasharray:3 3}}\n"
    )
    .expect(WRITES);
    for (index, colour) in COLOURS.iter().enumerate() {
        writeln!(svg, ".n{index}{{stroke:{colour}}} .f{index}{{fill:{colour}}}").expect(WRITES);
    }
    writeln!(svg, "</style>\n<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>")
        .expect(WRITES);
}

fn legend(svg: &mut String, nodes: &[String], rows: usize, all: usize) {
    let names = nodes
        .iter()
        .enumerate()
        .map(|(index, name)| (format!("f{}", index % COLOURS.len()), name.as_str()));
    let (mut x, mut y) = (LEFT, 16);
    for (class, name) in names {
        let width = 20.0 + LETTER * name.len() as f64;
        if x + width > RIGHT {
            (x, y) = (LEFT, y + 16);
        }
        writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.0}\" y=\"{}\" width=\"10\" height=\"10\"/>\
             <text x=\"{:.0}\" y=\"{y}\">{name}</text>",
            y - 9,
            x + 14.0
        )
        .expect(WRITES);
        x += width;
    }
    writeln!(
        svg,
        "<text class=\"faint\" x=\"{LEFT}\" y=\"{}\">{rows} of {all} targets, one a row; missing: red, \
         written twice: black</text>",
        y + 16
    )
    .expect(WRITES);
}

/// One path for each colour, in which each run of ticks of one target is a stroke.
fn bars(
    svg: &mut String,
    rows: &[&Course],
    nodes: usize,
    place: &Place,
    top: usize,
    interval: i64,
) {
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    for (row, course) in rows.iter().enumerate() {
        let y = top + row * ROW + ROW / 2;
        for (kind, from, until) in runs(&course.ticks, nodes, interval) {
            let (from, until) = (place.x(from), place.x(until));
            let path = paths.entry(kind).or_default();
            write!(path, "M{from:.1} {y}H{until:.1}").expect(WRITES);
        }
    }
    for (class, path) in paths {
        writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>").expect(WRITES);
    }
}

/// Ticks one after the other that look the same: how, from when, until when.
fn runs(ticks: &[Held], nodes: usize, interval: i64) -> Vec<(String, i64, i64)> {
    let mut runs: Vec<(String, i64, i64)> = Vec::new();
    for tick in ticks {
        let kind = if tick.lacking > 0 {
            "gap".to_owned()
        } else if tick.double {
            "twice".to_owned()
        } else {
            let node = (tick.by.trailing_zeros() as usize).min(nodes);
            format!("n{}", node % COLOURS.len())
        };
        match runs.last_mut() {
            Some((last, _, until)) if *last == kind => *until = tick.at + interval,
            _ => runs.push((kind, tick.at, tick.at + interval)),
        }
    }
    runs
}

/// Where the words of events go: on the first line that has room.
struct Labels<'a> {
    placed: Vec<(&'a Event, f64, Option<usize>)>,
    lines: usize,
}

impl<'a> Labels<'a> {
    fn place(events: &'a [Event], place: &Place) -> Self {
        let mut free = [f64::MIN; LABELS];
        let mut placed = Vec::new();
        for event in events {
            let x = place.x(event.at);
            let width = LETTER * event.text.len() as f64 + 8.0;
            let start = x.min(RIGHT - width);
            let line = free.iter().position(|until| *until <= start);
            if let Some(line) = line {
                free[line] = start + width;
            }
            placed.push((event, x, line));
        }
        let lines = free.iter().filter(|until| **until > f64::MIN).count();
        Self { placed, lines }
    }

    fn draw(&self, svg: &mut String, top: usize, bottom: usize) {
        for (event, x, line) in &self.placed {
            let y = top + LABEL * line.unwrap_or(self.lines.saturating_sub(1)) + 4;
            let colour =
                if event.kind == EventKind::Harm { " style=\"stroke:#e5484d\"" } else { "" };
            writeln!(svg, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{y}\" y2=\"{bottom}\"{colour}/>")
                .expect(WRITES);
            if line.is_some() {
                let width = LETTER * event.text.len() as f64 + 8.0;
                let start = x.min(RIGHT - width) + 3.0;
                writeln!(svg, "<text x=\"{start:.1}\" y=\"{}\">{}</text>", y + 10, event.text)
                    .expect(WRITES);
            }
        }
    }
}

fn axis(svg: &mut String, place: &Place, bottom: usize) {
    let seconds = place.span / 1000;
    // About six marks, at round numbers.
    let step =
        [1, 2, 5, 10, 20, 30, 60, 120, 300, 600].into_iter().find(|step| seconds / step <= 6);
    let step = step.unwrap_or(1800);
    for mark in (0..=seconds).step_by(step as usize) {
        let x = place.x(place.from + mark * 1000);
        writeln!(
            svg,
            "<text class=\"faint\" text-anchor=\"middle\" x=\"{x:.0}\" y=\"{}\">{mark} s</text>",
            bottom + 18
        )
        .expect(WRITES);
    }
}
