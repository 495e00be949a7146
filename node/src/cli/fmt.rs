//! `shoal fmt`: the one way to write a configuration.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use syntax::Source;

use super::console;

/// What to format.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A configuration file; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Write the result back to the file instead of printing it.
    #[arg(short, long)]
    write: bool,

    /// Change and print nothing; fail when the file is not formatted.
    #[arg(short, long, conflicts_with = "write")]
    test: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> ExitCode {
        match self.format() {
            Ok(code) => code,
            Err(problem) => console::fail(&problem),
        }
    }

    fn format(&self) -> Result<ExitCode, String> {
        let stdin = self.file == Path::new("-");
        if stdin && self.write {
            return Err("standard input cannot be written back; leave out --write".to_owned());
        }
        let (name, text) = if stdin { ("<stdin>".to_owned(), read_stdin()?) } else { self.read()? };
        let formatted = syntax::format(&Source::new(&name, text.as_str()))
            .map_err(|problems| problems.to_string())?;
        if self.test {
            let same = formatted == text;
            return if same {
                Ok(ExitCode::SUCCESS)
            } else {
                Err(format!("{name} is not formatted"))
            };
        }
        if !self.write {
            return Ok(console::print(&formatted));
        }
        if formatted != text {
            replace(&self.file, &formatted)
                .map_err(|error| format!("cannot write {name}: {error}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn read(&self) -> Result<(String, String), String> {
        let name = self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file);
        text.map_err(|error| format!("cannot read {name}: {error}")).map(|text| (name, text))
    }
}

fn read_stdin() -> Result<String, String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| format!("cannot read standard input: {error}"))?;
    Ok(text)
}

/// Written aside and renamed, so that a full disk leaves the old text; with the old permissions.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let mut aside = path.clone().into_os_string();
    aside.push(".shoal-fmt");
    let aside = PathBuf::from(aside);
    let permissions = std::fs::metadata(&path)?.permissions();
    std::fs::write(&aside, text)?;
    std::fs::set_permissions(&aside, permissions)?;
    std::fs::rename(&aside, &path)
}
