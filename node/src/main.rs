//! One node of Shoal.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Heap profiles can be asked for, and cost nothing until they are.
#[expect(unsafe_code, reason = "jemalloc reads its settings from this symbol before main runs")]
// SAFETY: jemalloc declares it as a pointer to a text that ends with a zero byte, and the first
// word of a slice is that pointer; nothing else has this name.
#[unsafe(export_name = "malloc_conf")]
pub static MALLOC_CONF: &[u8] = b"prof:true,prof_active:false,lg_prof_sample:19\0";

fn main() -> ExitCode {
    node::cli::main_from(std::env::args_os())
}
