// Runs by the interval of their start, stacked by how they ended, with the completion rate above.

import { useCallback, useState } from "preact/hooks";

import type { Report, Row } from "../api";
import { axisDate, count, label, percent } from "../format";
import { ENDS, RUNS_OF, ofInterval, runsLink } from "../links";
import { Table } from "../parts/table";
import { go } from "../route";
import { Chart, LEGEND, LINE_ICON, categories, tooltip, values as scale, type ChartHandle, type ChartItem, type Option, type Palette } from "./chart";

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
    const { range, conditions } = ofInterval(query, answer.rows, row, interval);
    return runsLink(query, values, conditions, range);
  };
  const open = (item: ChartItem) => {
    const row = answer.rows[item.dataIndex];
    const end = ENDS.find((end) => label(end) === item.seriesName);
    if (row) go(runs(end ? RUNS_OF[end] : {})(row));
  };
  return (
    <>
      <Chart label={`Runs by ${interval}, by how they ended, with completion rate. The table below holds the numbers.`} height={280} option={option} handle={handle} onClick={open} />
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

const RATE = "completion rate";

/** In a chart of this width and less the legend takes two lines. */
const TWO_LINES_PX = 560;

/** A line of more points has no marks on it. */
const POINTS_MAX = 60;

/** A tooltip's value; a rate of nothing is a dash. */
const written = (write: (value: number) => string) => (value: unknown) => (typeof value === "number" ? write(value) : "–");

function trendOption(answer: Report, interval: string, colours: Palette): Option {
  const labels = answer.rows.map((row) => String(row[interval] ?? ""));
  const young = answer.rows.map((row) => row["immature"] === true);
  const patterns: Record<string, object> = {
    abandoned: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: Math.PI / 4, color: "rgba(255,255,255,.22)" },
  };
  return {
    grid: { left: 46, right: 46, top: 36, bottom: 24 },
    media: [
      { query: { maxWidth: TWO_LINES_PX }, option: { grid: { top: 60 } } },
      { option: { grid: { top: 36 } } },
    ],
    legend: {
      ...LEGEND,
      textStyle: { color: colours.faint },
      data: [...ENDS.map(label), { name: RATE, icon: LINE_ICON }],
    },
    tooltip: {
      ...tooltip(colours),
      trigger: "axis",
    },
    xAxis: {
      ...categories(colours, labels),
      axisLabel: { color: colours.faint, hideOverlap: true, formatter: (text: string) => axisDate(text, interval) },
    },
    yAxis: [
      scale(colours),
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
        name: label(end),
        type: "bar" as const,
        cursor: "pointer",
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
        name: RATE,
        type: "line" as const,
        yAxisIndex: 1,
        symbol: "circle",
        symbolSize: 4,
        showSymbol: labels.length <= POINTS_MAX,
        tooltip: { valueFormatter: written(percent) },
        itemStyle: { color: colours.text },
        lineStyle: { color: colours.text, width: 1.5 },
        data: answer.rows.map((row) => row["completion_rate"] as number | null),
      },
    ],
  };
}
