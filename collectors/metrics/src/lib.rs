//! Scraping: a due target becomes samples.
