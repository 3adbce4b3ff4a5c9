//! The commands, one file each: arguments, help text and what it does.

mod activity;
mod calls;
mod causes;
mod compact;
mod compare;
mod demo;
mod durations;
mod erase;
mod event;
mod explain;
mod failures;
mod funnel;
mod generate;
mod ingest;
mod invocation;
mod invocations;
mod journeys;
mod overview;
mod paths;
mod quality;
mod retain;
mod risk;
mod serve;
mod sessions;
mod sql;
mod steps;
mod sub_journeys;
mod summary;
mod token;
mod vacuum;
mod values;
mod verify;

use clap::Subcommand;
use wayfare_query::spec::Spec;
use wayfare_query::{Error, Result};

use crate::backend::{self, OnMissing};
use crate::exit::Exit;
use crate::render::Format;
use crate::session::Session;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Generate(generate::Generate),
    Ingest(ingest::Ingest),
    Compact(compact::Compact),
    Vacuum(vacuum::Vacuum),
    Verify(verify::Verify),
    Retain(retain::Retain),
    Erase(erase::Erase),
    Serve(serve::Serve),
    Token(token::Tokens),
    #[command(flatten)]
    Question(Box<Question>),
}

/// A question to the store, answered by one report.
#[derive(Debug, Subcommand)]
pub(crate) enum Question {
    Overview(overview::Overview),
    Funnel(funnel::Funnel),
    Explain(explain::Explain),
    Steps(steps::Steps),
    Failures(failures::Failures),
    Causes(causes::Causes),
    Calls(calls::Calls),
    Paths(paths::Paths),
    Durations(durations::Durations),
    Compare(compare::Compare),
    SubJourneys(sub_journeys::SubJourneys),
    Quality(quality::Quality),
    Invocations(invocations::Invocations),
    Invocation(invocation::Invocation),
    Journeys(journeys::Journeys),
    Activity(activity::Activity),
    Event(event::Event),
    Sessions(sessions::Sessions),
    Risk(risk::Risk),
    Values(values::Values),
    Sql(sql::Sql),
}

impl Command {
    /// Carries the command out.
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        match self {
            Self::Demo(args) => args.run(session).await,
            Self::Generate(args) => args.run(session),
            Self::Ingest(args) => args.run(session).await,
            Self::Compact(args) => args.run(session).await,
            Self::Vacuum(args) => args.run(session).await,
            Self::Verify(args) => args.run(session).await,
            Self::Retain(args) => args.run(session).await,
            Self::Erase(args) => args.run(session).await,
            Self::Serve(args) => args.run(session).await,
            Self::Token(args) => args.run(session),
            Self::Question(question) => question.answer(session).await,
        }
    }
}

impl Question {
    /// The question as the engine understands it.
    fn into_spec(self) -> Result<Spec> {
        Ok(match self {
            Self::Overview(args) => args.spec(),
            Self::Funnel(args) => args.spec()?,
            Self::Explain(args) => args.spec()?,
            Self::Steps(args) => args.spec(),
            Self::Failures(args) => args.spec(),
            Self::Causes(args) => args.spec(),
            Self::Calls(args) => args.spec(),
            Self::Paths(args) => args.spec(),
            Self::Durations(args) => args.spec(),
            Self::Compare(args) => args.spec(),
            Self::SubJourneys(args) => args.spec(),
            Self::Quality(args) => args.spec(),
            Self::Invocations(args) => args.spec(),
            Self::Invocation(args) => args.spec(),
            Self::Journeys(args) => args.spec(),
            Self::Values(args) => args.spec(),
            Self::Activity(args) => args.spec(),
            Self::Event(args) => args.spec(),
            Self::Sessions(args) => args.spec(),
            Self::Risk(args) => args.spec(),
            Self::Sql(args) => args.spec()?,
        })
    }

    /// Whether the rows are written as they come, however many they are.
    fn streams(&self, format: Format) -> Result<bool> {
        match self {
            Self::Activity(args) if args.all && !format.streams() => {
                Err(Error::invalid("all events of a log are nothing for a table")
                    .hint("add --format ndjson or csv, or name a file: --output events.parquet"))
            }
            Self::Activity(args) => Ok(args.all),
            Self::Sql(_) => Ok(format.streams()),
            _ => Ok(false),
        }
    }

    async fn answer(self, session: &Session) -> Result<Exit> {
        // opened first: a file that cannot be written is better known before the work than after it
        let mut out = session.out()?;
        let streams = self.streams(session.format())?;
        let spec = self.into_spec()?;
        let store = backend::open(session.store_options(OnMissing::Fail)?).await?;
        if streams {
            session.show_stream(backend::stream(&store, spec).await?, &mut out).await?;
        } else {
            session.show(&backend::run(&store, spec).await?, &mut out)?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests;
