import { useRef } from "preact/hooks";

import type { Spec } from "../../api";
import type { ChartHandle } from "../../charts/chart";
import { FunnelChart } from "../../charts/funnel";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";

/** How verification sessions ended, and how far they got. */
export function VerificationPanels({ range, zone }: { range: Spec; zone: string }) {
  const spec = { ...range };
  const use = useReport("sessions", spec);
  const funnelSpec = { ...range, unit: "session" };
  const funnelUse = useReport("funnel", funnelSpec);
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
            <FunnelChart answer={answer} counted="sessions" handle={chart} />
            <details>
              <summary>Table</summary>
              <Table
                answer={answer}
                caption="Funnel of verification sessions"
                zone={zone}
                columns={[
                  "step",
                  "name",
                  "reached",
                  { name: "share_of_first", bar: (row) => row["share_of_first"] as number | null },
                  "share_of_previous",
                  "drop_off",
                  "median_from_first_ms",
                  "p90_from_first_ms",
                ]}
              />
            </details>
            <Notes answer={answer} />
          </>
        )}
      </Panel>
    </>
  );
}
