//! The command line `tweedie`: see `cli` for what each command does.

fn main() -> std::process::ExitCode {
    tweedie::cli::main()
}
