// The list of runs, and beside it the events of the one that is open.

import { count, instant } from "../format";
import { Pages } from "../parts/pages";
import { Panel } from "../parts/panel";
import { Table, type Column } from "../parts/table";
import { useReport } from "../parts/useReport";
import { address, changed, go, type Route } from "../route";
import { scopeSpec } from "../scope";
import { RunPanel } from "./invocations/run";

const PAGE_ROWS = 50;

const COLUMNS = [
  "invocation_id",
  "started_at",
  "state",
  "journey_id",
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
const BESIDE_A_RUN = ["invocation_id", "started_at", "state", "journey_id", "duration_ms", "error_code"];

export function InvocationsPage({ route }: { route: Route }) {
  const { query } = route;
  const sort = query.get("sort") ?? "-started_at";
  const [number, after] = [query.get("behind"), query.get("after")];
  const listed = { ...scopeSpec(query), sort, ...(number ? { behind: number } : {}) };
  const spec = { ...listed, limit: PAGE_ROWS, ...(after ? { after } : {}) };
  const use = useReport("invocations", spec);
  const open = query.get("run");
  const zone = query.get("tz") ?? "UTC";
  const to = (changes: Record<string, string | null>) => address(route.path, changed(query, changes));
  const drawn: Record<string, Column> = {
    invocation_id: {
      name: "invocation_id",
      title: "Run",
      cell: (row) => String(row["invocation_id"]).slice(0, 8),
      href: (row) => to({ run: String(row["invocation_id"]) }),
    },
    started_at: {
      name: "started_at",
      title: "Started",
      // a list is read to the second
      cell: (row) => (row["started_at"] ? instant(String(row["started_at"]), zone).slice(0, 19) : "–"),
    },
    journey_version: { name: "journey_version", title: "Version" },
    state: { name: "state", cell: (row) => <State state={String(row["state"])} failure={row["failure"] as string | null} /> },
  };
  return (
    <div class={open ? "beside" : undefined}>
      <Panel title="Runs" name="invocations" spec={listed} use={use} room={PAGE_ROWS * 30}>
        {(answer) => (
          <>
            <p class="faint total">{count(answer.rows_total ?? answer.rows.length)} runs</p>
            <Table
              answer={answer}
              caption="Runs"
              zone={zone}
              current={(row) => row["invocation_id"] === open}
              sort={{ by: sort, set: (by) => go(to({ sort: by === "-started_at" ? null : by, after: null })) }}
              columns={(open ? BESIDE_A_RUN : COLUMNS).map((name) => drawn[name] ?? name)}
            />
            <Pages first={after && to({ after: null })} next={answer.next && to({ after: answer.next })} />
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
