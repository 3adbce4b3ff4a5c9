import { useCallback } from "preact/hooks";

import type { Report } from "../api";
import { count, duration } from "../format";
import { Chart, tooltip, type ChartHandle, type Option, type Palette } from "./chart";

interface Props {
  answer: Report;
  handle: { current: ChartHandle | null };
}

/** Runs by duration, one series for each way to end; the bins are the report's. */
export function DurationsChart({ answer, handle }: Props) {
  const option = useCallback((colours: Palette) => histogramOption(answer, colours), [answer]);
  return <Chart label="Runs by duration. The table below holds the numbers." height={260} option={option} handle={handle} />;
}

function histogramOption(answer: Report, colours: Palette): Option {
  const bins = [...new Set(answer.rows.map((row) => Number(row["from_ms"])))].sort((left, right) => left - right);
  const end = new Map(answer.rows.map((row) => [Number(row["from_ms"]), row["to_ms"]]));
  const states = [...new Set(answer.rows.map((row) => String(row["state"])))].sort().reverse();
  const colour: Record<string, string> = { succeeded: colours.succeeded, failed: colours.error };
  return {
    grid: { left: 46, right: 16, top: 34, bottom: 44 },
    legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, textStyle: { color: colours.faint } },
    tooltip: { ...tooltip(colours), trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (value) => (typeof value === "number" ? count(value) : "0") },
    xAxis: {
      type: "category",
      data: bins.map((from) => {
        const to = end.get(from);
        return typeof to === "number" ? `${round(from)} – ${round(to)}` : `${round(from)} –`;
      }),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colours.line } },
      axisLabel: { color: colours.faint, hideOverlap: true },
    },
    yAxis: { type: "value", splitLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.faint } },
    series: states.map((state) => {
      const runs = new Map(answer.rows.filter((row) => row["state"] === state).map((row) => [Number(row["from_ms"]), Number(row["runs"])]));
      return {
        name: state,
        type: "bar" as const,
        stack: "runs",
        barCategoryGap: "12%",
        itemStyle: { color: colour[state] ?? colours.faint },
        data: bins.map((from) => runs.get(from) ?? 0),
      };
    }),
  };
}

/** A bound of a bin, which needs no tenths: `5 s`. */
const round = (ms: number): string => duration(ms).replace(".0 s", " s");
