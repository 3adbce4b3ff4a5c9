//! The gate before `sql`: one read-only query of bounded size, or an error that says why not.
//!
//! A text is measured before it is parsed, because parser, planner and optimiser recurse over it: a chain of a few
//! thousand `a+a+…` overflows the stack, which no error handling survives. What is parsed must be a single query
//! over the store's tables; what would write, change settings, read other places or make rows without end is
//! refused by its syntax, and once more by its plan.

mod generators;

use std::ops::ControlFlow;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    ObjectName, Query, Select, SetExpr, Statement as SqlStatement, TableFactor, Visit as _, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::spec::QUERY_BYTES_MAX;
use crate::words::count;
use crate::{Error, Result};

/// Words, numbers, texts and signs of a query.
const TOKENS_MAX: usize = 10_000;

/// Operators of a query, words such as `AND`, `NOT` and `JOIN` among them.
const OPERATORS_MAX: usize = 500;

/// Parentheses, brackets and `CASE`s inside one another.
const DEPTH_MAX: usize = 40;

/// Tables that a query names, each time it names them.
const RELATIONS_MAX: usize = 50;

const EXPECTED: &str = "one SELECT over the tables events, invocations and quarantine";

/// Lets one read-only query through.
///
/// # Errors
/// `Limit` for one that is too large, `Invalid` for anything else than one read-only query.
pub(crate) fn admit(query: &str) -> Result<Statement> {
    measure(query)?;
    let parsed = DFParserBuilder::new(query)
        .with_dialect(&GenericDialect {})
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|cause| {
            Error::invalid("the query is not SQL that is understood").because(cause).hint(EXPECTED)
        })?;
    let mut statements: Vec<Statement> = parsed.into();
    match (statements.pop(), statements.len()) {
        (Some(statement), 0) => {
            check(&statement)?;
            Ok(statement)
        }
        (None, _) => Err(Error::invalid("the query is empty").hint(EXPECTED)),
        (Some(_), before) => {
            Err(Error::invalid(format!("expected one query, saw {} statements", before + 1)).hint(EXPECTED))
        }
    }
}

/// Refuses a plan that would make rows or values without end.
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<()> {
    generators::check(plan)
}

/// Counts before anything recurses.
fn measure(query: &str) -> Result<()> {
    let limit = |what: &str, most: usize| {
        Err(Error::limit(format!("the query has more than {} {what}", count(most))))
    };
    if query.len() > QUERY_BYTES_MAX {
        return limit("bytes", QUERY_BYTES_MAX);
    }
    let tokens = Tokenizer::new(&GenericDialect {}, query)
        .tokenize()
        .map_err(|cause| Error::invalid("the query is not SQL that is understood").because(cause))?;
    let (mut words, mut operators, mut depth) = (0_usize, 0_usize, 0_usize);
    for token in &tokens {
        words += usize::from(!matches!(token, Token::Whitespace(_)));
        operators += usize::from(is_operator(token));
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Word(word) if word.keyword == Keyword::CASE => depth += 1,
            Token::Word(word) if word.keyword == Keyword::END => depth = depth.saturating_sub(1),
            _ => {}
        }
        if words > TOKENS_MAX {
            return limit("words and signs", TOKENS_MAX);
        }
        if operators > OPERATORS_MAX {
            return limit("operators", OPERATORS_MAX);
        }
        if depth > DEPTH_MAX {
            return limit("levels of nesting", DEPTH_MAX);
        }
    }
    Ok(())
}

/// Whether a token makes a tree deeper rather than wider.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IN
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::JOIN
                | Keyword::SELECT
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::INTERVAL
        ),
        Token::EOF
        | Token::Number(..)
        | Token::Char(_)
        | Token::Comma
        | Token::SemiColon
        | Token::LParen
        | Token::RParen
        | Token::RBracket
        | Token::Whitespace(_) => false,
        // everything else that is no text is a sign
        other => !is_text(other),
    }
}

fn is_text(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Period
    )
}

/// Whether a statement is a query, all the way down.
fn check(statement: &Statement) -> Result<()> {
    match statement {
        Statement::Statement(inner) => match inner.as_ref() {
            SqlStatement::Query(query) => look_into(query),
            // DESCRIBE TABLE
            SqlStatement::ExplainTable { .. } => Ok(()),
            other => Err(refused(&first_word(&other.to_string()))),
        },
        Statement::Explain(explain) if explain.options.analyze => Err(refused("EXPLAIN ANALYZE")),
        Statement::Explain(explain) => check(&explain.statement),
        other => Err(refused(&first_word(&other.to_string()))),
    }
}

fn look_into(query: &Query) -> Result<()> {
    let mut inspector = Inspector::default();
    match query.visit(&mut inspector) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

fn first_word(statement: &str) -> String {
    statement.split_whitespace().next().unwrap_or_default().to_owned()
}

fn refused(what: &str) -> Error {
    Error::invalid(format!("only queries are let through, saw {what}")).hint(EXPECTED)
}

/// Looks at every part of a query.
#[derive(Debug, Default)]
struct Inspector {
    relations: usize,
}

impl Visitor for Inspector {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if query.with.as_ref().is_some_and(|with| with.recursive) {
            return ControlFlow::Break(Error::invalid(
                "recursive queries are not let through: they may never end",
            ));
        }
        if !query.locks.is_empty() {
            return ControlFlow::Break(refused("a lock"));
        }
        match query.body.as_ref() {
            SetExpr::Insert(_) => ControlFlow::Break(refused("INSERT")),
            SetExpr::Update(_) => ControlFlow::Break(refused("UPDATE")),
            SetExpr::Delete(_) => ControlFlow::Break(refused("DELETE")),
            SetExpr::Merge(_) => ControlFlow::Break(refused("MERGE")),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        if select.into.is_some() {
            ControlFlow::Break(refused("SELECT INTO"))
        } else {
            ControlFlow::Continue(())
        }
    }

    fn pre_visit_statement(&mut self, statement: &SqlStatement) -> ControlFlow<Error> {
        match statement {
            SqlStatement::Query(_) => ControlFlow::Continue(()),
            other => ControlFlow::Break(refused(&first_word(&other.to_string()))),
        }
    }

    fn pre_visit_relation(&mut self, _relation: &ObjectName) -> ControlFlow<Error> {
        self.relations += 1;
        if self.relations > RELATIONS_MAX {
            return ControlFlow::Break(Error::limit(format!(
                "the query names more than {RELATIONS_MAX} tables"
            )));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table { name, args: Some(function), .. } => {
                match generators::check_table_function(&name.to_string(), &function.args) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => ControlFlow::Break(error),
                }
            }
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            _ => ControlFlow::Break(refused("a table function")),
        }
    }
}

#[cfg(test)]
mod tests;
