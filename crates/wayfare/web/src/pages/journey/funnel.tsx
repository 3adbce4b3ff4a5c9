// The main line of a journey as a funnel, and each step with what became of the runs that reached it.

import { useRef } from "preact/hooks";

import type { ChartHandle } from "../../charts/chart";
import { FunnelChart } from "../../charts/funnel";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import type { ViewProps } from "../journey";

export function FunnelPanels({ route, scope, zone }: ViewProps) {
  const steps = route.query.getAll("step");
  const funnel = { ...scope, ...(steps.length ? { steps } : {}) };
  const stepsSpec = { ...scope };
  const use = useReport("funnel", funnel);
  const stepsUse = useReport("steps", stepsSpec);
  const chart = useRef<ChartHandle | null>(null);
  return (
    <>
      <Panel
        title="How far runs get"
        hint="The steps that most runs take, in their order."
        name="funnel"
        spec={funnel}
        use={use}
        png={() => chart.current?.png("funnel")}
        wide
      >
        {(answer) => (
          <>
            <FunnelChart answer={answer} counted="runs" handle={chart} />
            <Table
              answer={answer}
              caption="Funnel"
              zone={zone}
              columns={[
                "step",
                "name",
                "reached",
                { name: "share_of_first", bar: (row) => row["share_of_first"] as number | null },
                "share_of_previous",
                "drop_off",
                "median_from_previous_ms",
                "p90_from_previous_ms",
                "median_from_first_ms",
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      <Panel title="Steps" hint="Every step of the journey, and what became of the runs that reached it." name="steps" spec={stepsSpec} use={stepsUse} wide>
        {(answer) => (
          <>
            <Table
              answer={answer}
              caption="Steps"
              zone={zone}
              columns={[
                "step_id",
                "reached",
                "attempts",
                "retries",
                { name: "completion_rate", bar: (row) => row["completion_rate"] as number | null },
                "completed",
                "first_try_completed",
                "failed_here",
                "abandoned_here",
                "open_here",
                "moved_on",
                "p50_duration_ms",
                "p95_duration_ms",
                "p50_wait_ms",
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
    </>
  );
}
