import { useRef } from "preact/hooks";

import type { Row, Spec } from "../../api";
import type { ChartHandle } from "../../charts/chart";
import { FunnelChart } from "../../charts/funnel";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { RowList } from "../../parts/rowList";
import { ANY, UnitList, listLink, type Units } from "../../parts/unitList";
import { useReport } from "../../parts/useReport";
import { address, changed, go, type Route } from "../../route";
import { label, title } from "../../format";
import { condition } from "../../scope";

/** What the lists of the page are of; one of them leads to its events. */
const SESSIONS: Units = {
  noun: "sessions",
  id: { name: "session_id", title: "Session", kind: "text" },
  open: (id, query) => {
    const where = [...query.getAll("where"), condition("session_id", id)];
    return address(["activity", "verify"], changed(query, { where, list: null, ended: null, page: null, by: null, after: null }));
  },
};

/** How verification sessions ended, and how far they got. */
export function VerificationPanels({ route, range, zone }: { route: Route; range: Spec; zone: string }) {
  const spec = { ...range };
  const use = useReport("sessions", spec);
  const funnelSpec = { ...range, unit: "session" };
  const funnelUse = useReport("funnel", funnelSpec);
  const listed = route.query.get("list");
  const list = (step: number, dropOff?: string) => listLink(route, step, dropOff);
  const ended = route.query.get("ended");
  const endedAs = (row: Row) => address(route.path, changed(route.query, { ended: `${row["outcome"]},${row["kind"]}`, list: null, page: null }));
  const chart = useRef<ChartHandle | null>(null);
  return (
    <>
      <Panel title="How verification sessions ended" name="sessions" spec={spec} use={use}>
        {(answer) => (
          <>
            <Table
              answer={answer}
              caption="Verification sessions by outcome"
              zone={zone}
              columns={[
                "kind",
                "outcome",
                { name: "sessions", href: endedAs },
                { name: "share_of_sessions", bar: (row) => row["share_of_sessions"] as number | null },
                "p50_duration_ms",
                "p90_duration_ms",
                "p95_duration_ms",
                "p99_duration_ms",
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      {ended && <EndedList route={route} spec={spec} ended={ended} zone={zone} />}
      <Panel
        title="How far sessions get"
        hint="The steps of a verification that ends well."
        name="funnel"
        spec={funnelSpec}
        use={funnelUse}
        png={() => chart.current?.png("verification")}
        room={340}
      >
        {(answer) => (
          <>
            <FunnelChart answer={answer} counted="sessions" handle={chart} onBar={(step, lost) => go(list(step, lost ? ANY : undefined))} />
            <details>
              <summary>Table</summary>
              <Table
                answer={answer}
                caption="Funnel of verification sessions"
                zone={zone}
                columns={[
                  "step",
                  "name",
                  { name: "reached", href: (row: Row) => list(Number(row["step"])) },
                  { name: "share_of_first", bar: (row) => row["share_of_first"] as number | null },
                  "share_of_previous",
                  { name: "drop_off", href: (row: Row) => list(Number(row["step"]), ANY) },
                  "median_from_first_ms",
                  "p90_from_first_ms",
                ]}
              />
            </details>
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      {listed && <UnitList route={route} funnel={funnelSpec} listed={listed} zone={zone} units={SESSIONS} />}
    </>
  );
}

/** The sessions of one kind that ended in one way. */
function EndedList({ route, spec, ended, zone }: { route: Route; spec: Spec; ended: string; zone: string }) {
  const [outcome = "", kind = ""] = ended.split(",");
  const where = [...route.query.getAll("where"), condition("outcome", outcome), condition("kind", kind)];
  return (
    <RowList
      route={route}
      title={`${title(kind)} sessions: ${label(outcome)}`}
      noun="sessions"
      report="sessions"
      spec={{ ...spec, where, list: true }}
      zone={zone}
      opened="ended"
      columns={[
        { ...SESSIONS.id, href: (row) => SESSIONS.open(String(row["session_id"]), route.query) },
        { name: "first_at", title: "First event" },
        { name: "last_at", title: "Last event" },
        "duration_ms",
        "user_id",
        "country",
        "platform",
        "os",
        "browser",
      ]}
    />
  );
}
