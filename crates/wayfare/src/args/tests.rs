//! Command lines become questions.

use std::fs;

use super::*;

fn cli(line: &str) -> Result<(Cli, Settings), Refusal> {
    let argv: Vec<OsString> = std::iter::once("wayfare").chain(line.split(' ')).map(Into::into).collect();
    parse(&argv)
}

fn with_settings(text: &str, line: &str) -> Result<(Cli, Settings), Refusal> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    fs::write(&path, text).unwrap();
    cli(&format!("{line} --config {}", path.display()))
}

fn refused(result: Result<(Cli, Settings), Refusal>) -> Error {
    match result {
        Err(Refusal::Settings(error)) => error,
        other => panic!("expected wrong settings, saw {other:?}"),
    }
}

#[test]
fn the_grammar_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    for line in ["--store s journeys", "journeys --store s", "journeys --store=s"] {
        assert_eq!(cli(line).unwrap().0.global.store.unwrap().to_str(), Some("s"), "{line}");
    }
}

#[test]
fn a_setting_gives_way_to_an_option() {
    let settings = "format = \"csv\"\nthreads = 3\nquiet = true\n";
    let (cli, _) = with_settings(settings, "journeys").unwrap();
    assert_eq!(cli.global.format, Some(Format::Csv));
    assert_eq!(cli.global.threads.unwrap().get(), 3);
    assert!(cli.global.quiet);
    let (cli, _) = with_settings(settings, "journeys --format json").unwrap();
    assert_eq!(cli.global.format, Some(Format::Json));
}

#[test]
fn a_wrong_setting_names_the_file() {
    let error = refused(with_settings("stroe = \"x\"", "journeys"));
    assert!(error.to_string().contains("settings.toml"), "{error}");
    assert_eq!(error.advice(), Some("did you mean `store`?"));
    let error = refused(with_settings("format = \"xml\"", "journeys"));
    assert!(error.to_string().contains("xml") && error.to_string().contains("settings.toml"), "{error}");
    let error = refused(cli("journeys --config /nowhere/settings.toml"));
    assert_eq!(error.kind(), wayfare_query::ErrorKind::NotFound);
}

#[test]
fn wrong_arguments_are_not_blamed_on_the_settings() {
    assert!(matches!(with_settings("threads = 3", "journeys --formt json"), Err(Refusal::Parser(_))));
}

#[test]
fn version_is_the_programs_before_a_command_and_the_journeys_after_it() {
    for line in ["--version", "-V"] {
        match cli(line) {
            Err(Refusal::Parser(asked)) => assert_eq!(asked.kind(), clap::error::ErrorKind::DisplayVersion),
            other => panic!("{other:?}"),
        }
    }
    assert!(cli("funnel --version 3").is_ok());
}

#[test]
fn every_example_in_the_help_is_a_command_line() {
    let mut seen = 0;
    for command in std::iter::once(Cli::command()).chain(Cli::command().get_subcommands().cloned()) {
        let help = command.get_after_long_help().map(ToString::to_string);
        let help = help.unwrap_or_else(|| panic!("{} has no examples", command.get_name()));
        for line in help.lines().flat_map(|line| line.split(" | ")).map(str::trim) {
            if line.starts_with("wayfare ") {
                let line = line.split(" < ").next().unwrap_or_default();
                seen += 1;
                let argv: Vec<OsString> = words(line).into_iter().map(Into::into).collect();
                assert!(parse(&argv).is_ok(), "{line}: {:?}", parse(&argv));
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

/// The words of a shell line with plain quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words
}
