//! The program `pigeonhole`: everything it can do is a subcommand in `cli`.

/// Gives freed memory back to the system. The allocator of glibc keeps it: after an attack with large bodies
/// the process would stay as large as it was at the worst moment (docs/performance.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    pigeonhole::cli::main()
}
