// One log: filters, then a page of events that open to their JSON, or counts by a chosen column.

import { useState } from "preact/hooks";

import type { Report, Row, Spec } from "../../api";
import { ofInterval, runLink } from "../../links";
import { count, label, title } from "../../format";
import { Pages } from "../../parts/pages";
import { Notes, Panel } from "../../parts/panel";
import { Table, plainColumns, type Column } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { address, changed, go, type Route } from "../../route";
import { condition } from "../../scope";
import { Raw } from "../invocations/run";

const PAGE_ROWS = 50;

/** Filters of each log: name in the spec, and what it is called. */
const FILTERS: Record<string, [string, string][]> = {
  user: [["user", "User"], ["ip", "IP"], ["country", "Country"]],
  admin: [["actor", "Actor"], ["target", "Target resource"], ["ip", "IP"]],
  verify: [["user", "User"], ["country", "Country"]],
  risk: [["user", "User"], ["ip", "IP"], ["country", "Country"]],
};

/** The source of a log's events, where it has another name. */
const SOURCES: Record<string, string> = { user: "cis" };

/** What each log is counted by. */
const GROUPS: Record<string, string[]> = {
  user: ["activity", "country", "platform", "app_id", "client_id", "day", "hour"],
  admin: ["activity", "actor_id", "target_resource_type", "target_resource_id", "ip", "day"],
  verify: ["activity", "status", "recommendation", "country", "platform", "day"],
  risk: ["recommendation", "action_type", "country", "platform", "day"],
};

/** Whose number is counted beside the events, and the column that tells them apart. */
const SUBJECTS: Record<string, string> = { users: "user_id", actors: "actor_id", sessions: "session_id" };

interface Props {
  route: Route;
  source: string;
  range: Spec;
  zone: string;
}

export function LogPanel({ route, source, range, zone }: Props) {
  const { query } = route;
  const filters = FILTERS[source] ?? [];
  const spec: Spec = { ...range, log: source };
  for (const name of ["event_type", ...filters.map(([name]) => name)]) {
    const values = query.getAll(name);
    if (values.length) spec[name] = values;
  }
  const search = query.get("search");
  if (search) spec["search"] = search;
  const by = query.get("by");
  const listSpec = by ? { ...spec, by: [by], limit: 200 } : { ...spec, limit: PAGE_ROWS, ...(query.get("after") ? { after: query.get("after") } : {}) };
  const types = useReport("values", { column: "activity", where: [condition("source", SOURCES[source] ?? source)], limit: 200 }, "choices");
  const use = useReport("activity", listSpec);
  const set = (changes: Record<string, string | null>) => go(address(route.path, changed(query, { after: null, ...changes })));
  return (
    <>
      <form class="filters" aria-label="Filters of the log" onSubmit={(event) => event.preventDefault()}>
        <label>
          Event type
          <select value={query.get("event_type") ?? ""} onChange={(event) => set({ event_type: event.currentTarget.value })}>
            <option value="">All types</option>
            {(types.answer?.rows ?? []).map((row) => (
              <option value={String(row["value"])}>{label(String(row["value"]))}</option>
            ))}
          </select>
        </label>
        {filters.map(([name, title]) => (
          <Text label={title} value={query.get(name) ?? ""} set={(value) => set({ [name]: value })} />
        ))}
        <Text label="Search in the parameters" value={search ?? ""} set={(value) => set({ search: value })} />
        <label>
          Count by
          <select value={by ?? ""} onChange={(event) => set({ by: event.currentTarget.value })}>
            <option value="">Nothing: list events</option>
            {(GROUPS[source] ?? []).map((name) => (
              <option value={name}>{title(name)}</option>
            ))}
          </select>
        </label>
      </form>
      <Panel title={by ? "Counts" : "Log"} name="activity" spec={by ? listSpec : spec} use={use}>
        {(answer) => (
          <>
            {by && <p class="faint total">{count(answer.rows_total ?? answer.rows.length)} rows</p>}
            <Table
              answer={answer}
              caption="Events"
              zone={zone}
              {...(by ? { columns: countsOf(answer, by, route) } : { columns: columnsOf(answer.rows, query), detail: detailOf })}
            />
            <Notes answer={answer} />
            <Pages
              first={query.get("after") && address(route.path, changed(query, { after: null }))}
              next={answer.next && address(route.path, changed(query, { after: answer.next }))}
              label="Older events"
            />
          </>
        )}
      </Panel>
    </>
  );
}

/** Counts with the way to the events behind them. */
function countsOf(answer: Report, by: string, route: Route): Column[] {
  const { query } = route;
  const narrowed = (row: Row): Record<string, string | string[]> => {
    const value = row[by] ?? null;
    if (by === "day" || by === "hour") {
      const { range, conditions } = ofInterval(query, answer.rows, row, by);
      return range ? { ...range } : { where: [...query.getAll("where"), ...conditions] };
    }
    if (by === "activity") return { event_type: String(value) };
    return { where: [...query.getAll("where"), condition(by, value)] };
  };
  const events = (row: Row) => {
    return address(route.path, changed(query, { by: null, ...narrowed(row) }));
  };
  // each of them once: a count by their column has as many rows
  const subjects = (name: string) => (row: Row) => {
    const subject = SUBJECTS[name] ?? "";
    if (subject === by) return null;
    const { where = query.getAll("where"), ...more } = narrowed(row);
    return address(route.path, changed(query, { ...more, by: subject, where: [where, `${subject} is set`].flat() }));
  };
  const href = (name: string) => (name === "events" ? { href: events } : name in SUBJECTS ? { href: subjects(name) } : {});
  return plainColumns(answer).map((name) => ({ name, ...href(name) }));
}

/** Columns that a page shows in full only when a row is opened. */
const HIDDEN = ["additional_params", "event_id", "changes", "user_agent"];

/** Long ids that nobody reads across; they stand last. */
const LONG = ["app_id", "device_id", "correlation_id", "tenant_id"];

function columnsOf(rows: Row[], query: URLSearchParams): Column[] {
  const drawn: Record<string, Column> = {
    happened_at: { name: "happened_at", title: "Time" },
    activity: { name: "activity", cell: (row) => label(String(row["activity"])) },
    target_resource_type: { name: "target_resource_type", title: "Target type" },
    target_resource_id: { name: "target_resource_id", title: "Target" },
    reasons: { name: "reasons", cell: (row) => String(row["reasons"] ?? "–").replaceAll(",", ", ") },
    invocation_id: {
      name: "invocation_id",
      title: "Run",
      href: (row) => (row["invocation_id"] === null ? null : runLink(query, String(row["invocation_id"]))),
    },
  };
  const first = rows[0] ?? {};
  const names = Object.keys(first).filter((name) => !HIDDEN.includes(name) && rows.some((row) => row[name] !== null));
  return [...names.filter((name) => !LONG.includes(name)), ...names.filter((name) => LONG.includes(name))]
    .map((name) => drawn[name] ?? { name });
}

/** An opened event: what changed, then all of it as JSON. */
function detailOf(row: Row) {
  const changes = typeof row["changes"] === "string" ? row["changes"].split("\n").filter(Boolean) : [];
  return (
    <>
      {changes.length > 0 && (
        <ul class="notes">
          {changes.map((change) => (
            <li>{change}</li>
          ))}
        </ul>
      )}
      <Raw row={row} />
    </>
  );
}

function Text({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  const [text, write] = useState<string | null>(null);
  const done = () => {
    if (text !== null && text !== value) set(text.trim());
    write(null);
  };
  return (
    <label>
      {label}
      <input
        type="search"
        spellcheck={false}
        value={text ?? value}
        onInput={(event) => write(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => event.key === "Enter" && done()}
      />
    </label>
  );
}
