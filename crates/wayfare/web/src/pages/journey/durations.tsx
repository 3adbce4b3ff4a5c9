// How long runs take, and when they come.

import { useRef } from "preact/hooks";

import type { ChartHandle } from "../../charts/chart";
import { HeatChart } from "../../charts/heat";
import { DurationsChart } from "../../charts/histogram";
import { Choose } from "../../parts/choose";
import { Notes, Panel } from "../../parts/panel";
import { Table, type Column } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { address, changed, go } from "../../route";
import type { Row } from "../../api";
import { RUNS_OF, runsLink } from "../../links";
import { State } from "../invocations";
import type { ViewProps } from "../journey";

const METRICS: [string, string][] = [
  ["started", "Started"],
  ["failed", "Failed"],
  ["abandoned", "Abandoned"],
];

export function DurationPanels({ route, scope, query, zone }: ViewProps) {
  const percentiles = { ...scope };
  const histogram = { ...scope, show: "histogram" };
  const heat = { ...scope, by: ["weekday", "hour_of_day"] };
  const use = useReport("durations", percentiles);
  const histogramUse = useReport("durations", histogram);
  const heatUse = useReport("overview", heat);
  const chart = useRef<ChartHandle | null>(null);
  const heatChart = useRef<ChartHandle | null>(null);
  const metric = route.query.get("metric") ?? "started";
  return (
    <>
      <Panel title="How long runs take" name="durations" spec={histogram} use={histogramUse} png={() => chart.current?.png("durations")} room={310}>
        {(answer) => (
          <>
            <DurationsChart answer={answer} handle={chart} onBar={(row) => go(binLink(query, row))} />
            <details>
              <summary>Table</summary>
              <Table answer={answer} caption="Histogram of durations" zone={zone} columns={[STATE, "from_ms", "to_ms", { name: "runs", href: (row) => binLink(query, row) }, "share_of_runs", "share_up_to"]} />
            </details>
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      <Panel title="By how they ended" name="durations" spec={percentiles} use={use}>
        {(answer) => (
          <Table
            answer={answer}
            caption="Durations"
            zone={zone}
            columns={[STATE, { name: "runs", href: (row) => runsLink(query, { state: row["state"] ?? null }) }, "shortest_ms", "average_ms", "median_ms", "p90_ms", "p95_ms", "p99_ms", "longest_ms"]}
          />
        )}
      </Panel>
      <Panel
        title="When runs come"
        hint={`Hours and weekdays in ${zone}.`}
        name="overview"
        spec={heat}
        use={heatUse}
        png={() => heatChart.current?.png("hours")}
        room={310}
        tools={
          <Choose
            label="What is shown"
            options={METRICS}
            chosen={metric}
            set={(metric) => go(address(route.path, changed(route.query, { metric })))}
          />
        }
      >
        {(answer) => (
          <>
            <HeatChart answer={answer} metric={metric} handle={heatChart} onCell={(row) => go(cellLink(query, row, metric))} />
            <details>
              <summary>Table</summary>
              <Table answer={answer} caption="Runs by weekday and hour" zone={zone} columns={["weekday", "hour_of_day", ...Object.keys(CELL).map((name) => ({ name, href: (row: Row) => cellLink(query, row, name) }))]} />
            </details>
          </>
        )}
      </Panel>
    </>
  );
}

const STATE: Column = { name: "state", cell: (row) => <State state={String(row["state"])} failure={null} /> };

/** What the runs of each count of a cell have in common. */
const CELL: Record<string, Row> = { started: {}, succeeded: RUNS_OF.succeeded, failed: { state: "failed" }, abandoned: RUNS_OF.abandoned };

/** The runs of one weekday and hour. */
function cellLink(query: URLSearchParams, { weekday = null, hour_of_day = null }: Row, metric: string): string {
  return runsLink(query, { weekday, hour_of_day, ...CELL[metric] });
}

/** The runs of one bin. */
function binLink(query: URLSearchParams, row: Row): string {
  const { state = null, from_ms: from, to_ms: to } = row;
  const bounds = [`duration_ms >= ${String(from)}`];
  if (typeof to === "number") bounds.push(`duration_ms < ${to}`);
  return runsLink(query, { state }, bounds);
}
