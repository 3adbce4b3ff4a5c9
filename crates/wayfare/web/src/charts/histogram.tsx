import { useCallback } from "preact/hooks";

import type { Report, Row } from "../api";
import { count, duration } from "../format";
import { Chart, LEGEND, categories, tooltip, values as scale, type ChartHandle, type ChartItem, type Option, type Palette } from "./chart";

interface Props {
  answer: Report;
  handle: { current: ChartHandle | null };
  /** Opens the runs of a bar. */
  onBar: (row: Row) => void;
}

/** Runs by duration, one series for each way to end; the bins are the report's. */
export function DurationsChart({ answer, handle, onBar }: Props) {
  const option = useCallback((colours: Palette) => histogramOption(answer, colours), [answer]);
  const open = (item: ChartItem) => {
    const from = binsOf(answer)[item.dataIndex];
    const row = answer.rows.find((row) => row["state"] === item.seriesName && Number(row["from_ms"]) === from);
    if (row) onBar(row);
  };
  return <Chart label="Runs by duration. The table below holds the numbers." height={260} option={option} handle={handle} onClick={open} />;
}

/** Where the bins begin, in order. */
const binsOf = (answer: Report): number[] => [...new Set(answer.rows.map((row) => Number(row["from_ms"])))].sort((left, right) => left - right);

function histogramOption(answer: Report, colours: Palette): Option {
  const bins = binsOf(answer);
  const end = new Map(answer.rows.map((row) => [Number(row["from_ms"]), row["to_ms"]]));
  const states = [...new Set(answer.rows.map((row) => String(row["state"])))].sort().reverse();
  const colour: Record<string, string> = { succeeded: colours.succeeded, failed: colours.error };
  return {
    grid: { left: 46, right: 4, top: 36, bottom: 24 },
    legend: { ...LEGEND, textStyle: { color: colours.faint } },
    tooltip: { ...tooltip(colours), trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (value) => (typeof value === "number" ? count(value) : "0") },
    xAxis: {
      ...categories(
        colours,
        bins.map((from) => {
          const to = end.get(from);
          return typeof to === "number" ? `${round(from)} – ${round(to)}` : `${round(from)} –`;
        }),
      ),
      axisLabel: { color: colours.faint, hideOverlap: true },
    },
    yAxis: scale(colours),
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
