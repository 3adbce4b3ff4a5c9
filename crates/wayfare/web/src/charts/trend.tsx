// Runs by the interval of their start, stacked by how they ended, with the completion rate above.

import { useCallback, useState } from "preact/hooks";

import type { Report, Row } from "../api";
import { count, percent } from "../format";
import { ENDS, RUNS_OF, rangeOf, runsLink } from "../links";
import { Table } from "../parts/table";
import { Chart, tooltip, type ChartHandle, type Option, type Palette } from "./chart";

export const INTERVALS = ["hour", "day", "week", "month"] as const;

/** The calendar interval that was chosen, or else suits the range. */
export function intervalFor(query: URLSearchParams): string {
  const chosen = query.get("interval");
  if (chosen) return chosen;
  return query.get("from") === "-24h" ? "hour" : "day";
}

interface Props {
  answer: Report;
  interval: string;
  query: URLSearchParams;
  zone: string;
  handle: { current: ChartHandle | null };
}

export function TrendChart({ answer, interval, query, zone, handle }: Props) {
  const [asTable, show] = useState(false);
  const option = useCallback((colours: Palette) => trendOption(answer, interval, colours), [answer, interval]);
  const runs = (values: Row) => (row: Row) => {
    const range = rangeOf(query, answer.rows, row, interval);
    return range && runsLink(query, values, [], range);
  };
  return (
    <>
      <Chart label={`Runs by ${interval}, by how they ended, with completion rate. The table below holds the numbers.`} height={260} option={option} handle={handle} />
      <details open={asTable} onToggle={(event) => show(event.currentTarget.open)}>
        <summary>Table</summary>
        {asTable && (
          <Table
            answer={answer}
            caption={`Runs by ${interval}`}
            zone={zone}
            columns={[interval, { name: "started", href: runs({}) }, ...ENDS.map((name) => ({ name, href: runs(RUNS_OF[name]) })), "completion_rate", "error_rate", "p50_duration_ms", "p95_duration_ms"]}
          />
        )}
      </details>
    </>
  );
}

/** A tooltip's value; a rate of nothing is a dash. */
const written = (write: (value: number) => string) => (value: unknown) => (typeof value === "number" ? write(value) : "–");

function trendOption(answer: Report, interval: string, colours: Palette): Option {
  const labels = answer.rows.map((row) => String(row[interval] ?? ""));
  const young = answer.rows.map((row) => row["immature"] === true);
  const patterns: Record<string, object> = {
    abandoned: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 3], rotation: Math.PI / 4, color: "rgba(255,255,255,.28)" },
    rejected: { symbol: "circle", symbolSize: 0.5, dashArrayX: [[4, 4]], dashArrayY: [4, 4], color: "rgba(255,255,255,.35)" },
  };
  return {
    grid: { left: 46, right: 52, top: 34, bottom: 26 },
    legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: colours.faint } },
    tooltip: {
      ...tooltip(colours),
      trigger: "axis",
    },
    xAxis: {
      type: "category",
      data: labels,
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
      axisLabel: { color: colours.faint, formatter: (text: string) => text.replace(/^\d{4}-/, "").replace("T", " ") },
    },
    yAxis: [
      { type: "value", splitLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.faint } },
      {
        type: "value",
        min: 0,
        max: 1,
        splitLine: { show: false },
        axisLabel: { color: colours.faint, formatter: (value: number) => `${Math.round(value * 100)} %` },
      },
    ],
    series: [
      ...ENDS.map((end) => ({
        name: end,
        type: "bar" as const,
        stack: "runs",
        barCategoryGap: "22%",
        tooltip: { valueFormatter: written(count) },
        itemStyle: { color: colours[end], ...(patterns[end] ? { decal: patterns[end] as never } : {}) },
        data: answer.rows.map((row, index) => ({
          value: row[end] as number,
          ...(young[index] ? { itemStyle: { opacity: 0.45 } } : {}),
        })),
      })),
      {
        name: "completion rate",
        type: "line" as const,
        yAxisIndex: 1,
        symbol: "circle",
        symbolSize: 4,
        tooltip: { valueFormatter: written(percent) },
        itemStyle: { color: colours.text },
        lineStyle: { color: colours.text, width: 1.5 },
        data: answer.rows.map((row) => row["completion_rate"] as number | null),
      },
    ],
  };
}
