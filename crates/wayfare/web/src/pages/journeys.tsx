// All journeys: the vendor's four numbers with what its page leaves out, the trend, a line for each journey.

import { useMemo, useRef } from "preact/hooks";

import type { Report, Row } from "../api";
import type { ChartHandle } from "../charts/chart";
import { INTERVALS, TrendChart, intervalFor } from "../charts/trend";
import { Spark } from "../charts/spark";
import { ENDED, ENDS, RUNS_OF, journeyLink, runsLink } from "../links";
import { Choose } from "../parts/choose";
import { Notes, Panel } from "../parts/panel";
import { Table } from "../parts/table";
import { Tiles } from "../parts/tiles";
import { useReport } from "../parts/useReport";
import { address, changed, go, type Route } from "../route";
import { scopeSpec } from "../scope";

export function JourneysPage({ route }: { route: Route }) {
  const { query } = route;
  const scope = scopeSpec(query);
  const zone = query.get("tz") ?? "UTC";
  const interval = intervalFor(query);
  const totalSpec = { ...scope, by: ["all"] };
  const trendSpec = { ...scope, by: [interval] };
  const tableSpec = { ...scope, by: ["journey_id"] };
  const sparkSpec = { ...scope, by: ["journey_id", interval] };
  const total = useReport("overview", totalSpec);
  const trend = useReport("overview", trendSpec);
  const table = useReport("overview", tableSpec);
  const spark = useReport("overview", sparkSpec, "beside");
  const chart = useRef<ChartHandle | null>(null);

  return (
    <>
      <Panel title="How runs ended" name="overview" spec={totalSpec} use={total}>
        {(answer) => <Tiles row={answer.rows[0] ?? {}} query={query} />}
      </Panel>
      <Panel
        title={`Runs by ${interval} of their start`}
        hint="Intervals whose runs may still end are drawn lighter."
        name="overview"
        spec={trendSpec}
        use={trend}
        png={() => chart.current?.png("trend")}
        room={300}
        tools={
          <Choose
            label="Interval"
            options={INTERVALS}
            chosen={interval}
            set={(interval) => go(address(route.path, changed(query, { interval })))}
          />
        }
      >
        {(answer) => (
          <>
            <TrendChart answer={answer} interval={interval} query={query} handle={chart} zone={zone} />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      <Panel title="Journeys" name="overview" spec={tableSpec} use={table}>
        {(answer) => (
          <>
            <JourneyTable answer={answer} spark={spark.answer} interval={interval} query={query} zone={zone} />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
    </>
  );
}

interface TableProps {
  answer: Report;
  spark: Report | undefined;
  interval: string;
  query: URLSearchParams;
  zone: string;
}

function JourneyTable({ answer, spark, interval, query, zone }: TableProps) {
  const lines = useMemo(() => {
    const found = new Map<string, Row[]>();
    for (const row of spark?.rows ?? []) {
      const journey = String(row["journey_id"]);
      found.set(journey, [...(found.get(journey) ?? []), row]);
    }
    return found;
  }, [spark]);
  const runs = (values: Row) => (row: Row) => runsLink(query, { journey_id: row["journey_id"] ?? null, ...values });
  return (
    <Table
      answer={answer}
      caption="Journeys and how their runs ended"
      zone={zone}
      columns={[
        { name: "journey_id", href: (row) => journeyLink(query, String(row["journey_id"])) },
        {
          name: "spark",
          title: `Started, by ${interval}`,
          cell: (row) => <Spark values={(lines.get(String(row["journey_id"])) ?? []).map((one) => Number(one["started"] ?? 0))} />,
        },
        { name: "started", href: runs({}) },
        { name: "total_invocations", href: (row) => runsLink(query, { journey_id: row["journey_id"] ?? null }, [ENDED]) },
        { name: "completion_rate", bar: (row) => row["completion_rate"] as number | null },
        "average_duration_ms",
        "p50_duration_ms",
        "p95_duration_ms",
        ...ENDS.map((name) => ({ name, href: runs(RUNS_OF[name]) })),
      ]}
    />
  );
}
