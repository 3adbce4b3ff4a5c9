// The vendor's four numbers under their names, and beside them what a page of finished runs cannot show.

import type { Row } from "../api";
import { behindRate, text } from "../format";
import { runsLink } from "../links";

const VENDOR: [string, string][] = [
  ["total_invocations", "Total invocations"],
  ["average_duration_ms", "Average duration"],
  ["completion_rate", "Completion rate"],
  ["error_rate", "Error rate"],
];

const BESIDE: [string, string, Row][] = [
  ["started", "Started", {}],
  ["succeeded", "Succeeded", { state: "succeeded" }],
  ["rejected", "Rejected", { failure: "rejected" }],
  ["error", "Failed with an error", { failure: "error" }],
  ["abandoned", "Abandoned", { state: "abandoned" }],
  ["open", "Open", { state: "open" }],
];

export function Tiles({ row, query }: { row: Row; query: URLSearchParams }) {
  return (
    <div class="tiles">
      <dl class="tiles-main" aria-label="Of the runs that ended">
        {VENDOR.map(([name, title]) => {
          const kind = name.endsWith("_ms") ? "duration" : name.endsWith("_rate") ? "rate" : "count";
          const behind = behindRate(row, name);
          return (
            <div class="tile">
              <dt>{title}</dt>
              <dd>{text(row[name], kind)}</dd>
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
