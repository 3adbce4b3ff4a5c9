// The ways that runs take: from step to step, and as whole sequences.

import { useRef } from "preact/hooks";

import type { ChartHandle } from "../../charts/chart";
import { PathsChart } from "../../charts/sankey";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { address, changed, go } from "../../route";
import { condition } from "../../scope";
import type { ViewProps } from "../journey";

export function PathPanels({ route, scope, zone }: ViewProps) {
  const transitions = { ...scope };
  const variants = { ...scope, show: "variants", limit: 15 };
  const use = useReport("paths", transitions);
  const variantsUse = useReport("paths", variants);
  const chart = useRef<ChartHandle | null>(null);
  const narrow = (step: string) =>
    go(address(route.path, changed(route.query, { where: [...route.query.getAll("where"), condition("last_step", step)] })));
  return (
    <>
      <Panel
        title="From step to step"
        hint="Passages of runs. ↩ is a way back to an earlier step. A click on a step keeps the runs that were seen there last."
        name="paths"
        spec={transitions}
        use={use}
        png={() => chart.current?.png("paths")}
        wide
      >
        {(answer) => (
          <>
            <PathsChart answer={answer} handle={chart} onStep={narrow} />
            <details>
              <summary>Table</summary>
              <Table
                answer={answer}
                caption="Transitions"
                zone={zone}
                columns={["from", "to", "invocations", "passages", "share_of_from", "median_ms", "p90_ms", "p95_ms"]}
              />
            </details>
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      <Panel title="Whole ways" name="paths" spec={variants} use={variantsUse} wide>
        {(answer) => (
          <>
            <Table
              answer={answer}
              caption="Variants"
              zone={zone}
              columns={[
                { name: "invocations", title: "runs" },
                { name: "share_of_invocations", title: "share of runs", bar: (row) => row["share_of_invocations"] as number | null },
                "success_rate_of_started",
                "median_duration_ms",
                { name: "steps", cell: (row) => <span class="way">{String(row["steps"] ?? "other ways")}</span> },
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
    </>
  );
}
