// The events of one run: when, what, how it went; each opens to its raw JSON.

import { useEffect, useRef, useState } from "preact/hooks";

import type { Report, Row } from "../../api";
import { duration, instant } from "../../format";
import { Notes, Panel } from "../../parts/panel";
import { useReport } from "../../parts/useReport";

export function RunPanel({ id, zone, close }: { id: string; zone: string; close: string }) {
  const spec = { id, tz: zone };
  const use = useReport("invocation", spec);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.focus(), [id]);
  return (
    <aside class="run" ref={place} tabIndex={-1} aria-label={`Run ${id}`}>
      <a class="close" href={close} aria-label="Close the run">
        ×
      </a>
      <Panel title="Events of the run" hint={id} name="invocation" spec={spec} use={use}>
        {(answer) => (
          <>
            <RunFacts answer={answer} zone={zone} />
            <ol class="events">
              {answer.rows.map((row) => (
                <Event row={row} zone={zone} last={Number(answer.rows.at(-1)?.["offset_ms"] ?? 0)} />
              ))}
            </ol>
            <Notes answer={answer} />
          </>
        )}
      </Panel>
    </aside>
  );
}

function RunFacts({ answer, zone }: { answer: Report; zone: string }) {
  const first = answer.rows[0] ?? {};
  const facts: [string, string][] = [
    ["Started", instant(String(first["happened_at"]), zone)],
    ["User", String(answer.rows.find((row) => row["user_id"])?.["user_id"] ?? "–")],
    ["Client", String(first["client_id"] ?? "–")],
    ["Correlation", String(first["correlation_id"] ?? "–")],
    ["Events", String(answer.rows.length)],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Event({ row, zone, last }: { row: Row; zone: string; last: number }) {
  const [open, show] = useState(false);
  const offset = Number(row["offset_ms"] ?? 0);
  const trouble = row["error_code"] !== null || row["outcome"] === "failure";
  const ended = String(row["activity"]).startsWith("journey_completed");
  const good = row["outcome"] === "success" || row["activity"] === "journey_completed_successfully";
  const how = trouble ? "is-error" : good ? "is-succeeded" : "is-plain";
  return (
    <li class={`event ${how}${ended ? " ended" : ""}`}>
      <button type="button" aria-expanded={open} onClick={() => show(!open)}>
        <span class="offset" title={instant(String(row["happened_at"]), zone)}>
          +{duration(offset)}
        </span>
        <span class="rail" aria-hidden="true">
          <span style={{ width: `${last > 0 ? (offset / last) * 100 : 0}%` }} />
        </span>
        <span class="what">
          <strong>{String(row["activity"]).replaceAll("_", " ")}</strong>
          {row["step_id"] !== null && <span class="step">{String(row["step_id"])}</span>}
          {row["outcome"] !== null && <span class={`outcome ${how}`}>{String(row["outcome"])}</span>}
          {row["connection_id"] !== null && row["connection_id"] !== undefined && (
            <span class="call">
              {String(row["connection_id"])}
              {row["http_status"] !== null && ` · ${String(row["http_status"])}`}
              {typeof row["latency_ms"] === "number" && ` · ${duration(row["latency_ms"])}`}
            </span>
          )}
          {row["error_code"] !== null && (
            <span class="error-text">
              {String(row["error_code"])}
              {row["error_message"] !== null && `: ${String(row["error_message"])}`}
            </span>
          )}
        </span>
      </button>
      {open && <Raw row={row} />}
    </li>
  );
}

/** All of a row as JSON, the parameters unpacked. */
export function Raw({ row }: { row: Row }) {
  const whole: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) if (value !== null) whole[name] = value;
  const parameters = whole["additional_params"];
  if (typeof parameters === "string") {
    try {
      whole["additional_params"] = JSON.parse(parameters);
    } catch {
      // kept as the text that it is
    }
  }
  return (
    <pre class="raw" tabIndex={0}>
      {JSON.stringify(whole, null, 2)}
    </pre>
  );
}
