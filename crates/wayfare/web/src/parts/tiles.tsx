// The vendor's four numbers under their names, and beside them what a page of finished runs cannot show.

import type { Row } from "../api";
import { behindRate, text } from "../format";
import { ENDED, RUNS_OF, runsLink } from "../links";
import { condition } from "../scope";

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
  ["error", "Failed with an error", RUNS_OF.error],
  ["abandoned", "Abandoned", RUNS_OF.abandoned],
  ["open", "Open", RUNS_OF.open],
];

export function Tiles({ row, query }: { row: Row; query: URLSearchParams }) {
  return (
    <div class="tiles">
      <dl class="tiles-main" aria-label="Of the runs that ended">
        {VENDOR.map(([name, title, runs]) => {
          const kind = name.endsWith("_ms") ? "duration" : name.endsWith("_rate") ? "rate" : "count";
          const behind = behindRate(row, name);
          return (
            <div class="tile">
              <dt>{title}</dt>
              <dd>
                <a href={runsLink(query, {}, [runs])}>{text(row[name], kind)}</a>
              </dd>
              <dd class="faint">{behind ?? (kind === "duration" ? `median ${text(row["p50_duration_ms"], "duration")}` : "runs that ended")}</dd>
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
