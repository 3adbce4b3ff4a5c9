// The list of runs, and beside it the events of the one that is open.

import { Notes, Panel } from "../parts/panel";
import { Table, type Column } from "../parts/table";
import { useReport } from "../parts/useReport";
import { address, changed, go, type Route } from "../route";
import { scopeSpec } from "../scope";
import { RunPanel } from "./invocations/run";

const PAGE_ROWS = 50;
const ROWS_MAX = 1000;

const COLUMNS = [
  "invocation_id",
  "started_at",
  "journey_id",
  "state",
  "duration_ms",
  "failing_step",
  "error_code",
  "last_step",
  "user_id",
  "client_id",
  "correlation_id",
  "journey_version",
  "platform",
  "country",
  "retries",
  "events",
];

/** What is left of them while a run is open beside the list. */
const BESIDE_A_RUN = ["invocation_id", "started_at", "state", "duration_ms", "error_code"];

export function InvocationsPage({ route }: { route: Route }) {
  const { query } = route;
  const sort = query.get("sort") ?? "-started_at";
  const rows = Math.min(Number(query.get("rows")) || PAGE_ROWS, ROWS_MAX);
  const spec = { ...scopeSpec(query), sort, limit: rows };
  const use = useReport("invocations", spec);
  const open = query.get("run");
  const zone = query.get("tz") ?? "UTC";
  const to = (changes: Record<string, string | null>) => address(route.path, changed(query, changes));
  const drawn: Record<string, Column> = {
    invocation_id: {
      name: "invocation_id",
      title: "run",
      // beside an open run the first digits have to do
      ...(open ? { cell: (row) => String(row["invocation_id"]).slice(0, 8) } : {}),
      href: (row) => to({ run: String(row["invocation_id"]) }),
    },
    state: { name: "state", cell: (row) => <State state={String(row["state"])} failure={row["failure"] as string | null} /> },
  };
  return (
    <div class={open ? "beside" : undefined}>
      <Panel title="Runs" name="invocations" spec={spec} use={use} wide>
        {(answer) => (
          <>
            <p class="faint total">
              {(answer.rows_total ?? answer.rows.length).toLocaleString("en")} runs
            </p>
            <Table
              answer={answer}
              caption="Runs"
              zone={zone}
              current={(row) => row["invocation_id"] === open}
              sort={{ by: sort, set: (by) => go(to({ sort: by === "-started_at" ? null : by })) }}
              columns={(open ? BESIDE_A_RUN : COLUMNS).map((name) => drawn[name] ?? name)}
            />
            <Notes answer={answer} />
            {answer.rows.length < (answer.rows_total ?? 0) && rows < ROWS_MAX && (
              <a class="more" href={to({ rows: String(Math.min(rows * 4, ROWS_MAX)) })}>
                Show more
              </a>
            )}
          </>
        )}
      </Panel>
      {open && <RunPanel id={open} zone={zone} close={to({ run: null })} />}
    </div>
  );
}

/** How a run ended, in a word and a colour. */
export function State({ state, failure }: { state: string; failure: string | null }) {
  const shown = state === "failed" && failure ? failure : state;
  return <span class={`state is-${shown}`}>{shown}</span>;
}
