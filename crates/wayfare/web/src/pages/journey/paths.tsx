// The ways that runs take: from step to step, and as whole sequences.

import { useRef } from "preact/hooks";

import type { ChartHandle } from "../../charts/chart";
import { PathsChart } from "../../charts/sankey";
import { Choose } from "../../parts/choose";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import type { Row } from "../../api";
import { behind, runsLink } from "../../links";
import { address, changed, go } from "../../route";
import type { ViewProps } from "../journey";

/** How many steps stand for themselves; all others are one node. */
const STEPS = ["5", "10", "20", "50"];
const STEPS_DEFAULT = "10";

export function PathPanels({ route, scope, zone, query }: ViewProps) {
  const steps = query.get("steps") ?? STEPS_DEFAULT;
  const transitions = { ...scope, limit: Number(steps) };
  const variants = { ...scope, show: "variants", limit: 15 };
  const use = useReport("paths", transitions);
  const variantsUse = useReport("paths", variants);
  const chart = useRef<ChartHandle | null>(null);
  const runs = (number: string) => runsLink(query, {}, [], null, number);
  const kept = keptSteps(use.answer?.rows ?? []);
  const ofTransition = (row: Row) => runs(behind.transition(row["from"] ?? null, row["to"] ?? null, kept));
  const ofEnd = (state: string | null) => runsLink(query, state ? { state } : {});
  const open = (to: string | null) => to && go(to);
  return (
    <>
      <Panel
        title="From step to step"
        hint="Passages of runs; ↩ is a way back to an earlier step. A click on a step, an end or a flow lists its runs."
        name="paths"
        spec={transitions}
        use={use}
        png={() => chart.current?.png("paths")}
        tools={
          <Choose
            label="Steps that stand for themselves"
            options={STEPS.map((steps): [string, string] => [steps, `${steps} steps`])}
            chosen={steps}
            set={(steps) => go(address(route.path, changed(query, { steps })))}
          />
        }
        room={440}
      >
        {(answer) => (
          <>
            <PathsChart answer={answer} handle={chart} onStep={(step) => open(runs(behind.step(step, "reached")))} onEnd={(state) => go(ofEnd(state))} onFlow={(row) => open(ofTransition(row))} />
            <details>
              <summary>Table</summary>
              <Table
                answer={answer}
                caption="Transitions"
                zone={zone}
                columns={["from", "to", { name: "invocations", title: "Runs", href: ofTransition }, "passages", "share_of_from", "median_ms", "p90_ms", "p95_ms"]}
              />
            </details>
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      <Panel title="Whole ways" name="paths" spec={variants} use={variantsUse}>
        {(answer) => (
          <>
            <Table
              answer={answer}
              caption="Variants"
              zone={zone}
              columns={[
                { name: "invocations", title: "Runs", href: (row) => (typeof row["steps"] === "string" ? runs(behind.way(row["steps"])) : null) },
                { name: "steps", cell: (row) => <span class="way">{String(row["steps"] ?? "other ways")}</span> },
                { name: "share_of_invocations", title: "Share of runs", bar: (row) => row["share_of_invocations"] as number | null },
                "success_rate_of_started",
                "median_duration_ms",
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
    </>
  );
}

/** The steps that stand for themselves, where others are merged into one node; else nothing. */
function keptSteps(rows: Row[]): string[] | null {
  const nodes = rows.flatMap((row) => [[row["from_kind"], row["from"]], [row["to_kind"], row["to"]]]);
  if (!nodes.some(([kind]) => kind === "other")) return null;
  return [...new Set(nodes.flatMap(([kind, name]) => (kind === "step" ? [String(name)] : [])))];
}
