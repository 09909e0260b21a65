//! The program `pigeonhole`: everything it can do is a subcommand in `cli`.

fn main() -> std::process::ExitCode {
    pigeonhole::cli::main()
}
