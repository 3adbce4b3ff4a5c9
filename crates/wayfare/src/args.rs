//! The command line: global options, the commands, and how a settings file slips in beneath them.
//!
//! Precedence is default < settings file < environment < option given: a setting becomes the default of the
//! option of that name before the arguments are parsed, so that the parser itself keeps the order.

mod amount;
mod funnel;
mod scope;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Command as Grammar, CommandFactory as _, FromArgMatches as _, Parser};
use wayfare_query::Error;

pub(crate) use self::amount::{Bytes, MaxRejects};
pub(crate) use self::funnel::{FunnelArgs, index, word};
pub(crate) use self::scope::ScopeArgs;
use crate::commands::Command;
use crate::render::Format;
use crate::settings::Settings;
use crate::term::ColorChoice;

const EXAMPLES: &str = "\
Examples:
  wayfare demo
  wayfare ingest --store shop events/*.ndjson.gz
  wayfare overview --store shop --by journey_id
  wayfare funnel --store shop --journey login --from -7d
  wayfare sql --store shop \"SELECT activity, count(*) FROM events GROUP BY activity\"

Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 too many rejected records, 5 not found,
6 limit reached, 7 store damaged, 130 interrupted, 143 terminated";

/// Journey analytics over files: events in, an open table of Parquet, and reports out of it.
#[derive(Debug, Parser)]
#[command(name = "wayfare", version, about, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder of the store
    #[arg(
        long,
        short,
        global = true,
        value_name = "DIR",
        env = "WAYFARE_STORE",
        hide_env_values = true,
        help_heading = "Store"
    )]
    pub(crate) store: Option<PathBuf>,

    /// Settings (TOML): long options by name, and a table `[columns]`
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "WAYFARE_CONFIG",
        hide_env_values = true,
        help_heading = "Store"
    )]
    pub(crate) config: Option<PathBuf>,

    /// How to write rows [default: by --output, else table]
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        env = "WAYFARE_FORMAT",
        hide_env_values = true,
        help_heading = "Output"
    )]
    pub(crate) format: Option<Format>,

    /// Write to this file instead of stdout; it appears whole or not at all
    #[arg(long, short, global = true, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: ColorChoice,

    /// No progress, remarks or summaries on stderr
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// Most threads to use [default: one for each core]
    #[arg(
        long,
        global = true,
        value_name = "N",
        env = "WAYFARE_THREADS",
        hide_env_values = true,
        help_heading = "Resources"
    )]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Most memory for a query, such as 1GB
    #[arg(
        long,
        global = true,
        value_name = "SIZE",
        env = "WAYFARE_MEMORY",
        hide_env_values = true,
        help_heading = "Resources"
    )]
    pub(crate) memory: Option<Bytes>,
}

/// Why there is no command to run.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Help or the version was asked for, or the arguments are wrong: the parser has the text.
    Parser(clap::Error),
    /// The settings file is wrong.
    Settings(Error),
}

/// Reads arguments and, if one is named, the settings file.
pub(crate) fn parse(argv: &[OsString]) -> Result<(Cli, Settings), Refusal> {
    let plain = grammar(argv);
    let Some(path) = look_ahead(argv, "--config").or_else(config_of_environment) else {
        return Ok((matched(plain, argv)?, Settings::default()));
    };
    let known = option_names(&plain);
    let settings = Settings::read(path.as_ref(), &known).map_err(Refusal::Settings)?;
    match matched(with_defaults(plain.clone(), &settings), argv) {
        Ok(cli) => Ok((cli, settings)),
        // arguments that are right on their own: then a value in the file is wrong
        Err(Refusal::Parser(error)) if error.use_stderr() && matched(plain, argv).is_ok() => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let place = PathBuf::from(path);
            Err(Refusal::Settings(Error::invalid(line).with("settings file", place.display())))
        }
        Err(refusal) => Err(refusal),
    }
}

fn config_of_environment() -> Option<OsString> {
    std::env::var_os("WAYFARE_CONFIG").filter(|path| !path.is_empty())
}

fn grammar(argv: &[OsString]) -> Grammar {
    let color = match look_ahead(argv, "--color").as_deref().and_then(OsStr::to_str) {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    };
    Cli::command().color(color)
}

fn matched(grammar: Grammar, argv: &[OsString]) -> Result<Cli, Refusal> {
    let mut matches = grammar.try_get_matches_from(argv).map_err(Refusal::Parser)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(Refusal::Parser)
}

/// The value of an option that has to be known before parsing.
fn look_ahead(argv: &[OsString], option: &str) -> Option<OsString> {
    let mut arguments = argv.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == option {
            return arguments.next().cloned();
        }
        let value = argument.to_str().and_then(|text| text.strip_prefix(option)?.strip_prefix('='));
        if let Some(value) = value {
            return Some(value.into());
        }
    }
    None
}

/// The long names of the options of all commands, but for those that make no sense in a file.
fn option_names(grammar: &Grammar) -> Vec<String> {
    let own = grammar.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned));
    let nested = grammar.get_subcommands().flat_map(option_names);
    let mut names: Vec<String> =
        own.chain(nested).filter(|name| name != "config" && name != "help").collect();
    names.sort();
    names.dedup();
    names
}

fn with_defaults(grammar: Grammar, settings: &Settings) -> Grammar {
    let set = |arg: clap::Arg| match arg.get_long().and_then(|long| settings.options.get(long)) {
        Some(values) => arg.default_values(values.clone()),
        None => arg,
    };
    grammar.mut_args(set).mut_subcommands(|command| with_defaults(command, settings))
}

#[cfg(test)]
mod tests;
