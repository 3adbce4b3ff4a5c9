//! The `wayfare` command: arguments in, reports out, one exit code.
//!
//! stdout is data, stderr is talk. This file is the only place that ends the process; what happened on the way
//! arrives here as a value: a clean end, an error, a signal, or a reader that closed our stdout, which is a
//! quiet success.

mod args;
mod backend;
mod clock;
mod commands;
mod exit;
mod out;
mod progress;
mod render;
mod serve;
mod session;
mod settings;
mod signal;
mod term;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use wayfare_query::{Error, Result};

use crate::args::{Cli, Refusal};
use crate::commands::Command;
use crate::exit::Exit;
use crate::session::{Session, complain};
use crate::settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long an interrupted run may take to let go of its threads.
const LET_GO: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    let exit = match args::parse(&argv) {
        Ok((cli, settings)) => start(cli, settings),
        Err(Refusal::Parser(refusal)) => explain(&refusal),
        Err(Refusal::Settings(error)) => fail(&error, false),
    };
    exit.into()
}

/// Shows help, the version or what is wrong with the arguments.
fn explain(refusal: &clap::Error) -> Exit {
    let meant = if refusal.use_stderr() { Exit::Usage } else { Exit::Done };
    match refusal.print() {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Exit::Failed,
        _ => meant,
    }
}

fn start(cli: Cli, settings: Settings) -> Exit {
    let session = Session::new(cli.global.clone(), settings);
    let color = session.terminal.stderr.color;
    let runtime = match runtime(&session) {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, color),
    };
    let result = runtime.block_on(supervise(cli, session.clone()));
    // an interrupted query may still compute on a thread of its own
    runtime.shutdown_timeout(LET_GO);
    session.unfinished.remove();
    session.clear_progress();
    match result {
        Ok(exit) => {
            if matches!(exit, Exit::Interrupted | Exit::Terminated) {
                session.say(if exit == Exit::Interrupted { "interrupted" } else { "terminated" });
            }
            exit
        }
        Err(_) if session.pipe.is_closed() => Exit::Done,
        Err(error) => fail(&error, color),
    }
}

fn runtime(session: &Session) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = session.global.threads {
        builder.worker_threads(threads.get());
    }
    builder.enable_all().build().map_err(|cause| Error::io("cannot start threads", cause))
}

/// Runs the command until it ends or a signal comes.
async fn supervise(cli: Cli, session: Session) -> Result<Exit> {
    if let Command::Serve(serve) = cli.command {
        // hears signals itself: it finishes what it has begun
        return serve.run(&session).await;
    }
    // a task of its own, so that a signal is heard even while it computes
    let mut work = tokio::spawn(async move { cli.command.run(&session).await });
    tokio::select! {
        ended = &mut work => match ended {
            Ok(result) => result,
            Err(defect) => Err(Error::internal("the command stopped unexpectedly").because(defect)),
        },
        signal = signal::signal() => {
            work.abort();
            signal
        }
    }
}

fn fail(error: &Error, color: bool) -> Exit {
    complain(error, color);
    Exit::from(error.kind())
}
