// The main line of a journey as a funnel, why runs left it, the runs behind a number, and each step of the journey.

import { useRef } from "preact/hooks";

import type { Row } from "../../api";
import type { ChartHandle } from "../../charts/chart";
import { FunnelChart } from "../../charts/funnel";
import { behind, runLink, runsLink } from "../../links";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { ANY, UnitList, listLink, type Units } from "../../parts/unitList";
import { useReport } from "../../parts/useReport";
import { go } from "../../route";
import type { ViewProps } from "../journey";
import { DropOffs } from "./dropOffs";

/** What the lists of the page are of. */
const RUNS: Units = { noun: "runs", id: { name: "invocation_id", title: "Run", kind: "text" }, open: (id, query) => runLink(query, id) };

export function FunnelPanels({ route, scope, zone, query }: ViewProps) {
  const steps = route.query.getAll("step");
  const funnel = { ...scope, ...(steps.length ? { steps } : {}) };
  const dropOffs = { ...funnel, drop_offs: true };
  const stepsSpec = { ...scope };
  const use = useReport("funnel", funnel);
  const dropOffsUse = useReport("funnel", dropOffs);
  const stepsUse = useReport("steps", stepsSpec);
  const chart = useRef<ChartHandle | null>(null);
  const listed = route.query.get("list");
  const list = (step: number, dropOff?: string) => listLink(route, step, dropOff);
  const ofStep = (name: string) => ({
    name,
    href: (row: Row) => runsLink(query, {}, [], null, behind.step(row["step_id"] ?? null, name)),
  });
  return (
    <>
      <Panel
        title="How far runs get"
        hint="The steps that most runs take, in their order."
        name="funnel"
        spec={funnel}
        use={use}
        png={() => chart.current?.png("funnel")}
        room={520}
      >
        {(answer) => (
          <>
            <FunnelChart answer={answer} counted="runs" handle={chart} onBar={(step, lost) => go(list(step, lost ? ANY : undefined))} />
            <Table
              answer={answer}
              caption="Funnel"
              zone={zone}
              columns={[
                "step",
                "name",
                { name: "reached", href: (row: Row) => list(Number(row["step"])) },
                { name: "share_of_first", bar: (row) => row["share_of_first"] as number | null },
                "share_of_previous",
                { name: "drop_off", href: (row: Row) => list(Number(row["step"]), ANY) },
                "median_from_previous_ms",
                "p90_from_previous_ms",
                "median_from_first_ms",
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      {listed && <UnitList route={route} funnel={funnel} listed={listed} zone={zone} units={RUNS} />}
      <Panel title="Why runs went no further" hint="What became of the runs that were lost before each step." name="funnel" spec={dropOffs} use={dropOffsUse}>
        {(answer) => <DropOffs answer={answer} href={list} />}
      </Panel>
      <Panel title="Steps" hint="Every step of the journey, and what became of the runs that reached it." name="steps" spec={stepsSpec} use={stepsUse}>
        {(answer) => (
          <>
            <Table
              answer={answer}
              caption="Steps"
              zone={zone}
              columns={[
                "step_id",
                ofStep("reached"),
                "attempts",
                "retries",
                { name: "completion_rate", bar: (row) => row["completion_rate"] as number | null },
                ...["completed", "first_try_completed", "failed_here", "abandoned_here", "open_here", "moved_on"].map(ofStep),
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
