import { useRef } from "preact/hooks";

import type { Row, Spec } from "../../api";
import type { ChartHandle } from "../../charts/chart";
import { RECOMMENDATIONS, SharesChart } from "../../charts/shares";
import { ofInterval } from "../../links";
import { Notes, Panel } from "../../parts/panel";
import { Table, plainColumns } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { address, changed, go } from "../../route";
import { condition } from "../../scope";

/** What fraud prevention recommended, day by day. */
export function RiskPanels({ query, range, zone }: { query: URLSearchParams; range: Spec; zone: string }) {
  const spec = { ...range, by: ["day"] };
  const use = useReport("risk", spec);
  const chart = useRef<ChartHandle | null>(null);
  return (
    <Panel title="Recommendations" name="risk" spec={spec} use={use} png={() => chart.current?.png("risk")} room={280}>
      {(answer) => (
        <>
          <SharesChart answer={answer} interval="day" handle={chart} onBar={(row, type) => go(eventsOf(query, answer.rows, row, type) ?? "")} />
          <details>
            <summary>Table</summary>
            <Table
              answer={answer}
              caption="Recommendations by day"
              zone={zone}
              columns={plainColumns(answer).map((name) => ({ name, href: (row: Row) => eventsOf(query, answer.rows, row, name) }))}
            />
          </details>
          <Notes answer={answer} />
        </>
      )}
    </Panel>
  );
}

/** The events of a day with a recommendation, or with any; nothing for what is no count of them. */
function eventsOf(query: URLSearchParams, rows: Row[], row: Row, type: string): string | null {
  const known = RECOMMENDATIONS.find((known) => known === type);
  if (!known && type !== "recommendations") return null;
  const { range, conditions } = ofInterval(query, rows, row, "day");
  const wanted = known ? [condition("recommendation_type", known)] : [];
  const where = [...query.getAll("where"), ...conditions, ...wanted];
  return address(["activity", "risk"], changed(query, { ...range, where, event_type: "risk_recommendation", by: null, after: null }));
}
