import { useRef } from "preact/hooks";

import type { Spec } from "../../api";
import type { ChartHandle } from "../../charts/chart";
import { SharesChart } from "../../charts/shares";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";

/** What fraud prevention recommended, day by day. */
export function RiskPanels({ range, zone }: { range: Spec; zone: string }) {
  const spec = { ...range, by: ["day"] };
  const use = useReport("risk", spec);
  const chart = useRef<ChartHandle | null>(null);
  return (
    <Panel title="Recommendations" name="risk" spec={spec} use={use} png={() => chart.current?.png("risk")} room={280}>
      {(answer) => (
        <>
          <SharesChart answer={answer} interval="day" handle={chart} />
          <details>
            <summary>Table</summary>
            <Table answer={answer} caption="Recommendations by day" zone={zone} />
          </details>
          <Notes answer={answer} />
        </>
      )}
    </Panel>
  );
}
