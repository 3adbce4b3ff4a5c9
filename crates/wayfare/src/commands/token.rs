//! `wayfare token create|list|revoke`.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use clap::{Args, Subcommand};
use serde_json::json;
use wayfare_query::spec::parse_duration_ms;
use wayfare_query::{Error, Report, Result};

use crate::clock;
use crate::exit::Exit;
use crate::out::write_failed;
use crate::serve::tokens::{Scope, Token, TokenFile, Wanted};
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare token create --store shop --scope read,sql --note grafana --expires 90d
  wayfare token create --store shop --scope ingest --tenant acme
  wayfare token list --store shop
  wayfare token revoke --store shop 3f9c02d1a7b4";

/// Make, list and revoke the tokens of the HTTP server
///
/// A running server knows at once. Only a hash of a token is kept: it is shown when it is made, and never again.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it
    Create(Create),
    /// List the tokens
    List,
    /// Revoke a token
    Revoke {
        /// The token's id, as `wayfare token list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// What it allows; repeatable, or a comma list
    #[arg(
        long,
        value_enum,
        value_name = "SCOPE",
        value_delimiter = ',',
        required = true,
        help_heading = "Token"
    )]
    scope: Vec<Scope>,

    /// The one tenant whose events it reads and writes [default: all]
    #[arg(long, value_name = "ID", help_heading = "Token")]
    tenant: Option<String>,

    /// For how long it is good, such as 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME", help_heading = "Token")]
    expires: Option<String>,

    /// What it is for
    #[arg(long, value_name = "TEXT", help_heading = "Token")]
    note: Option<String>,
}

impl Tokens {
    pub(crate) fn run(self, session: &Session) -> Result<Exit> {
        let store = session.store_options(crate::backend::OnMissing::Fail)?;
        let tokens = crate::serve::tokens_of(&store.path)?;
        match self.action {
            Action::Create(create) => create.run(&tokens, session),
            Action::List => list(&tokens, session),
            Action::Revoke { id } => {
                tokens.revoke(&id)?;
                session.say(format_args!("revoked {id}"));
                Ok(Exit::Done)
            }
        }
    }
}

impl Create {
    fn run(self, tokens: &TokenFile, session: &Session) -> Result<Exit> {
        let mut out = session.out()?;
        let now_ms = clock::now_ms();
        let good_ms = self.expires.as_deref().map(parse_duration_ms).transpose()?;
        let wanted = Wanted {
            scopes: self.scope,
            tenant: self.tenant,
            note: self.note,
            expires_ms: good_ms.map(|good_ms| now_ms.saturating_add(good_ms)),
        };
        let (text, token) = tokens.create(wanted, now_ms)?;
        writeln!(out, "{text}").map_err(write_failed)?;
        out.finish()?;
        session.say(format_args!("token {} for {}; it is not shown again", token.id, scopes(&token)));
        Ok(Exit::Done)
    }
}

/// The tokens as a report, so that every format works.
fn list(tokens: &TokenFile, session: &Session) -> Result<Exit> {
    let mut out = session.out()?;
    let tokens = tokens.tokens()?;
    let texts = |text: &dyn Fn(&Token) -> Option<String>| -> ArrayRef {
        Arc::new(tokens.iter().map(text).collect::<StringArray>())
    };
    let instants = |at_ms: &dyn Fn(&Token) -> Option<i64>| -> ArrayRef {
        let micros = tokens.iter().map(|token| at_ms(token).map(|at_ms| at_ms.saturating_mul(1000)));
        Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let columns = [
        ("token_id", texts(&|token| Some(token.id.clone()))),
        ("scopes", texts(&|token| Some(scopes(token)))),
        ("tenant_id", texts(&|token| token.tenant.clone())),
        ("note", texts(&|token| token.note.clone())),
        ("created_at", instants(&|token| Some(token.created_ms))),
        ("expires_at", instants(&|token| token.expires_ms)),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .map_err(|cause| Error::internal("cannot list the tokens").because(cause))?;
    let notes = if tokens.is_empty() { vec!["there are no tokens".to_owned()] } else { Vec::new() };
    let report = Report {
        name: "tokens",
        title: "Tokens".to_owned(),
        spec: json!({ "report": "tokens" }),
        snapshot: 0,
        as_of_ms: None,
        batch,
        rows_total: None,
        next: None,
        notes,
    };
    session.show(&report, &mut out)?;
    out.finish()?;
    Ok(Exit::Done)
}

fn scopes(token: &Token) -> String {
    token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(",")
}
