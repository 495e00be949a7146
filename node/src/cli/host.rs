//! What a configuration may ask of the machine.

use syntax::Host;

use crate::telemetry::process::VERSION;

/// This machine, in the words of Go, which configurations are written for.
pub(super) fn host() -> Host {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        arch => arch,
    };
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    Host {
        environment: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
        hostname: text(gethostname::gethostname()),
        os: os.to_owned(),
        arch: arch.to_owned(),
        version: VERSION.to_owned(),
    }
}
