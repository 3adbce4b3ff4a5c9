import { useRef } from "preact/hooks";

import type { Row, Spec } from "../../api";
import type { ChartHandle } from "../../charts/chart";
import { FunnelChart } from "../../charts/funnel";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { ANY, UnitList, listLink, type Units } from "../../parts/unitList";
import { useReport } from "../../parts/useReport";
import { address, changed, go, type Route } from "../../route";
import { condition } from "../../scope";

/** What the lists of the page are of; one of them leads to its events. */
const SESSIONS: Units = {
  noun: "sessions",
  id: { name: "session_id", title: "Session", kind: "text" },
  open: (id, query) => {
    const where = [...query.getAll("where"), condition("session_id", id)];
    return address(["activity", "verify"], changed(query, { where, list: null, page: null, by: null, after: null }));
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
                "sessions",
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
