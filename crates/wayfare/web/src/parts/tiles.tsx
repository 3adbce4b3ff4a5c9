// The vendor's four numbers under their names, and beside them what a page of finished runs cannot show.

import type { ComponentChildren } from "preact";

import type { Row } from "../api";
import { behindRate, interval, text } from "../format";
import { ENDED, RUNS_OF, runsLink } from "../links";
import { condition } from "../scope";
import { Parts } from "./table";

/** Name, title, and the condition of the runs behind the number. */
const VENDOR: [string, string, string][] = [
  ["total_invocations", "Total invocations", ENDED],
  ["average_duration_ms", "Average duration", ENDED],
  ["completion_rate", "Completion rate", condition("state", "succeeded")],
  ["error_rate", "Error rate", condition("state", "failed")],
];

const BESIDE: [string, string, Row][] = [
  ["started", "Started", {}],
  ["succeeded", "Succeeded", RUNS_OF.succeeded],
  ["rejected", "Rejected", RUNS_OF.rejected],
  ["error", "Error", RUNS_OF.error],
  ["abandoned", "Abandoned", RUNS_OF.abandoned],
  ["open", "Open", RUNS_OF.open],
];

/** What a number is made of, or stands beside, in two lines. */
function beneath(row: Row, name: string, query: URLSearchParams): ComponentChildren[] {
  if (name === "average_duration_ms") return [`median ${text(row["p50_duration_ms"], "duration")}`, `p95 ${text(row["p95_duration_ms"], "duration")}`];
  const [low, high] = ["low", "high"].map((part) => row[`${name}_${part}`]);
  if (typeof low === "number" && typeof high === "number") {
    const runs: Row = name === "error_rate" ? { state: "failed" } : RUNS_OF.succeeded;
    return [<Parts row={row} name={name} lead={[runsLink(query, runs), runsLink(query, {}, [ENDED])]} />, `95 % interval ${interval(low, high)}`];
  }
  return ["runs that ended", `of ${text(row["started"], "count")} started`];
}

export function Tiles({ row, query }: { row: Row; query: URLSearchParams }) {
  return (
    <div class="tiles">
      <dl class="tiles-main" aria-label="Of the runs that ended">
        {VENDOR.map(([name, title, runs]) => {
          const kind = name.endsWith("_ms") ? "duration" : name.endsWith("_rate") ? "rate" : "count";
          return (
            <div class="tile">
              <dt>{title}</dt>
              <dd>
                <a href={runsLink(query, {}, [runs])}>{text(row[name], kind)}</a>
              </dd>
              {beneath(row, name, query).map((line) => (
                <dd class="faint">{line}</dd>
              ))}
            </div>
          );
        })}
      </dl>
      <dl class="tiles-more" aria-label="Of all runs">
        {BESIDE.map(([name, title, values]) => (
          <div class={`tile small is-${name}`}>
            <dt>{title}</dt>
            <dd>
              <a href={runsLink(query, values)}>{text(row[name], "count")}</a>
            </dd>
          </div>
        ))}
        <div class="tile small">
          <dt>Success of started</dt>
          <dd title={behindRate(row, "success_rate_of_started")}>{text(row["success_rate_of_started"], "rate")}</dd>
        </div>
      </dl>
    </div>
  );
}
