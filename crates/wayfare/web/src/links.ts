// Where numbers lead: the list of the runs that they count.

import { among, condition } from "./scope";
import { address, changed, scopeOf } from "./route";
import type { Cell, Row } from "./api";

/** How runs end, or not, in the order of every table and chart. */
export const ENDS = ["succeeded", "rejected", "error", "abandoned", "open"] as const;

/** What the runs of each have in common. */
export const RUNS_OF: Record<(typeof ENDS)[number], Row> = {
  succeeded: { state: "succeeded" },
  rejected: { failure: "rejected" },
  error: { failure: "error" },
  abandoned: { state: "abandoned" },
  open: { state: "open" },
};

/** The condition of the runs that the vendor's page counts. */
export const ENDED = "state in (succeeded, failed)";

/** Dates, the second exclusive. */
export interface DateRange {
  from: string;
  to: string;
}

/**
 * The dates of a row of a trend. None for an hour, which a change of clocks makes ambiguous, and for an interval that
 * the range of the question may cut.
 */
export function rangeOf(query: URLSearchParams, rows: Row[], row: Row, interval: string): DateRange | null {
  const intervals = rows.map((row) => String(row[interval])).sort();
  const from = row[interval];
  if (typeof from !== "string" || !/^\d{4}-\d\d-\d\d$/.test(from)) return null;
  const cut = (from === intervals[0] && query.has("from")) || (from === intervals.at(-1) && query.has("to"));
  if (cut) return null;
  const next = new Date(from);
  if (interval === "month") next.setUTCMonth(next.getUTCMonth() + 1);
  else next.setUTCDate(next.getUTCDate() + (interval === "week" ? 7 : 1));
  return { from, to: next.toISOString().slice(0, 10) };
}

/** What of the runs of an interval is asked for: its dates where they say it all, which is quicker, else a condition. */
export function ofInterval(query: URLSearchParams, rows: Row[], row: Row, interval: string): { range: DateRange | null; conditions: string[] } {
  const range = rangeOf(query, rows, row, interval);
  return { range, conditions: range ? [] : [condition(interval, row[interval] ?? null)] };
}

/** Which number of a report the runs of a list are behind, as the engine reads it. */
export const behind = {
  /** A count of a row of `steps`. */
  step: (step: Cell, column: string) => [condition("step", step), ...(column === "reached" ? [] : [condition("class", column)])].join(" and "),
  /** The runs of a row of `paths`, in which these steps stand for themselves. */
  transition: (from: Cell, to: Cell, kept: string[] | null) =>
    [condition("from", from), condition("to", to), ...(kept ? [among("kept", kept)] : [])].join(" and "),
  /** The runs of a row of `paths` by variants. */
  way: (steps: Cell) => condition("way", steps),
  /** The runs with a value of a dimension, as `causes` compares them, or all others. */
  cause: (dimension: Cell, value: Cell, rest = false) =>
    [condition("dimension", dimension), condition("value", value), ...(rest ? ["side=rest"] : [])].join(" and "),
  /** A count of runs of a row of `calls`. */
  call: (connection: Cell, column: string) => `${condition("connection_id", connection)} and ${condition("class", column)}`,
  /** The runs that an issue of `quality` concerns. */
  issue: (issue: Cell) => condition("issue", issue),
};

/** The query of a page narrowed to one side of a comparison, by terms as `compare` takes them. */
export function sideOf(query: URLSearchParams, terms: string[]): URLSearchParams {
  let narrowed = scopeOf(query);
  for (const term of terms) {
    const [name = "", value = ""] = term.split("=", 2).map((part) => part.trim());
    if (name === "journey" || name === "version") {
      narrowed = changed(narrowed, { [name]: value.split(",").map((one) => one.trim()) });
    } else if (name === "from" || name === "to") narrowed = changed(narrowed, { [name]: value });
    else narrowed.append("where", term);
  }
  return narrowed;
}

/** The list of runs with these values, for which these conditions hold, too, inside the scope that is looked at. */
export function runsLink(
  query: URLSearchParams,
  values: Record<string, Cell>,
  conditions: string[] = [],
  range: DateRange | null = null,
  number: string | null = null,
): string {
  const scope = changed(scopeOf(query), { ...range, behind: number });
  const where = [...scope.getAll("where"), ...conditions];
  const changes: Record<string, string | string[] | null> = {};
  for (const [column, value] of Object.entries(values)) {
    if (column === "journey_id" && value !== null) changes["journey"] = String(value);
    else if (column === "journey_version" && value !== null) changes["version"] = String(value);
    else where.push(condition(column, value));
  }
  changes["where"] = where;
  return address(["invocations"], changed(scope, changes));
}

/** The page of one journey. */
export function journeyLink(query: URLSearchParams, journey: string): string {
  return address(["journey"], changed(scopeOf(query), { journey }));
}

/** One run, whatever else is looked at. */
export function runLink(query: URLSearchParams, run: string): string {
  const zone = query.get("tz");
  return address(["invocations"], new URLSearchParams(zone ? { run, tz: zone } : { run }));
}
